# SPDX-License-Identifier: Apache-2.0
"""Replay a disk's write log as power cuts would leave it, and judge each state.

``python -m tests.image.replay --help``; tests/image/README.md says how the log is recorded.
"""

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click
from tests.image.data_partition import Expected, Promise
from tests.image.programs import missing
from tests.image.replay_report import as_json, screen
from tests.image.walk import Run, save_state, walk
from tests.image.write_log import LogError, WriteLog


def _pairs(values: Sequence[str], option: str) -> dict[str, str]:
    pairs = [value.partition("=") for value in values]
    for name, equals, rest in pairs:
        if not (name and equals and rest):
            raise click.BadParameter(f"{name!r} is not NAME=VALUE.", param_hint=option)
    return {name: rest for name, _, rest in pairs}


def _numbers(text: str) -> tuple[int, int]:
    epoch, colon, number = text.partition(":")
    if not (colon and epoch.isdigit() and number.isdigit()):
        raise click.BadParameter(f"{text!r} is not EPOCH:NUMBER.", param_hint="--only")
    return int(epoch), int(number)


_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.command()
@click.option("--base", type=_FILE, required=True, help="The disk as the log began.")
@click.option("--log", "log_file", type=_FILE, required=True, help="QEMU's blklogwrites log.")
@click.option("--name", default="", help="What was cut, for the report.  [default: the log's name]")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--replays", type=click.IntRange(min=1), default=1000, show_default=True)
@click.option(
    "--expect",
    "versions",
    multiple=True,
    required=True,
    metavar="VERSION=FOLDER",
    help="A version that may start; FOLDER holds its boot.vfat, root.img and verity.img.",
)
@click.option(
    "--data",
    "promise",
    type=click.Choice([each.value for each in Promise]),
    default=Promise.KEPT.value,
    show_default=True,
    help="The data: there from the start; made by a first start; erased by a factory reset.",
)
@click.option(
    "--canary",
    "canaries",
    multiple=True,
    metavar="PATH=SHA256",
    help="A file below /var, flushed before the log began.",
)
@click.option(
    "--erasable",
    multiple=True,
    metavar="PATH=SHA256",
    help="A canary that a factory reset takes away: it is whole, or gone.",
)
@click.option("--sqlite", "databases", multiple=True, metavar="PATH", help="A database below /var.")
@click.option("--no-tearing", is_flag=True, help="Leave every write whole.")
@click.option("--only", metavar="EPOCH:NUMBER", help="This state alone, of this seed.")
@click.option("--save", type=click.Path(path_type=Path), help="Write that state's whole disk.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the report.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=Path("/dev/shm"),  # noqa: S108 -- a folder of its own is made there
    show_default=True,
    help="Where the working disk lies: as large as what is written outside the slots, twice.",
)
def main(
    *,
    base: Path,
    log_file: Path,
    name: str,
    seed: int,
    replays: int,
    versions: Sequence[str],
    promise: str,
    canaries: Sequence[str],
    erasable: Sequence[str],
    databases: Sequence[str],
    no_tearing: bool,
    only: str | None,
    save: Path | None,
    json_file: Path | None,
    folder: Path,
) -> None:
    """Replay a disk's write log as power cuts would leave it, and judge each state."""
    if absent := missing():
        raise click.ClickException(f"Not installed: {absent}.")
    if save and not only:
        raise click.UsageError("--save takes the state that --only names.")
    folders = {version: Path(path) for version, path in _pairs(versions, "--expect").items()}
    expected = Expected(
        Promise(promise),
        _pairs(canaries, "--canary"),
        _pairs(erasable, "--erasable"),
        databases,
    )
    state = _numbers(only) if only else None
    try:
        run = Run(
            base=base,
            log=WriteLog(log_file),
            versions=folders,
            expected=expected,
            seed=seed,
            replays=replays,
            may_tear=not no_tearing,
            only=state,
        )
        if save:
            save_state(run, save)
        with tempfile.TemporaryDirectory(dir=folder, prefix="atre-replay-") as work:
            facts, tally = walk(run, Path(work), click.echo)
    except (LogError, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(screen(facts, tally))
    if json_file:
        json_file.write_text(
            json.dumps({"name": name or log_file.stem, **as_json(facts, tally)}, indent=1) + "\n"
        )
    if tally.failures:
        sys.exit(1)


if __name__ == "__main__":
    main()
