# SPDX-License-Identifier: Apache-2.0
import datetime as dt
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import click
from tests.benchmarks.section import write_section
from tests.faults.all_faults import FAULTS
from tests.faults.cuts import run_cuts
from tests.faults.fault import Fault
from tests.faults.own_mounts import in_own_mounts
from tests.faults.page import Happened, page
from tests.faults.parts import missing_part
from tests.faults.world import World

from atre.backup.program import find_program


@click.command()
@click.option("--first-seed", type=int, default=1, show_default=True)
@click.option("--worlds", type=click.IntRange(min=1), default=12, show_default=True)
@click.option("--cuts", "per_world", type=click.IntRange(min=1), default=20, show_default=True)
@click.option("--at-once", type=click.IntRange(min=1), default=3, show_default=True)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=Path("/dev/shm"),  # noqa: S108 -- images of disks, in folders of their own
    show_default=True,
    help="Where the images of the disks lie.",
)
@click.option("--page", "page_file", type=click.Path(path_type=Path), help="Write the page there.")
def main(
    first_seed: int, worlds: int, per_world: int, at_once: int, folder: Path, page_file: Path | None
) -> None:
    """Cut the power of boxes at random instants, and let the other faults happen."""
    why = missing_part()
    if why:
        raise click.ClickException(f"Faults cannot be made here: {why}.")
    seeds = range(first_seed, first_seed + worlds)
    tally = in_own_mounts(
        lambda: run_cuts(folder, seeds, per_world, at_once=at_once, say=click.echo)
    )
    happened = in_own_mounts(lambda: [_let_happen(each, folder) for each in FAULTS])
    if page_file:
        command = (
            f'make fault-check ARGS="--first-seed {first_seed} --worlds {worlds} '
            f'--cuts {per_world}"'
        )
        text = page(_facts(at_once), tally, happened, command=command)
        write_section(page_file, "fault-check", text)
    if tally.failures or not all(each.is_survived for each in happened):
        sys.exit(1)


def _let_happen(fault: Fault, folder: Path) -> Happened:
    with tempfile.TemporaryDirectory(dir=folder) as directory, World(Path(directory)) as world:
        try:
            world.back_up()
            happened = Happened(fault, fault.happen(world), is_survived=True)
        except Exception as error:  # noqa: BLE001 -- whatever it is, it is told
            happened = Happened(fault, repr(error), is_survived=False)
    click.echo(f"{fault.name}: {'' if happened.is_survived else 'NOT '}survived. {happened.said}")
    return happened


def _facts(at_once: int) -> dict[str, str]:
    commit = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=False
    )
    return {
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip() or "unknown",
        "machine": f"{platform.system()} {platform.release().partition('-')[0]}, "
        f"{platform.machine()}, Python {platform.python_version()}",
        "restic": find_program().version,
        "worlds at once": str(at_once),
    }


if __name__ == "__main__":
    main()
