# SPDX-License-Identifier: Apache-2.0
"""``kit``: prepare units, flash them, print their labels."""

import datetime as dt
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from msgspec.structs import replace
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from atre.errors import AtreError, ConfigError
from atre.system.durable import write_durably
from atre.terminal.language import in_french, lang_option, say
from reseller_kit.collect import Collected, collect
from reseller_kit.flash import Step, Written, flash
from reseller_kit.label import Ports, labels
from reseller_kit.records import Flashed, Records
from reseller_kit.sizes import SHEETS, SIZES
from reseller_kit.source import check_sha256, expected_sha256, pieces, raw_bytes
from reseller_kit.target import check_target

_NBSP = "\N{NO-BREAK SPACE}"
_units_option = click.option(
    "--units",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("units"),
    show_default=True,
    help="The folder of your units.",
)


class _Kit(click.Group):
    """Turns our own errors into one line on stderr and exit status 1."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except AtreError as error:
            raise click.ClickException(error.sentence.spoken(french=in_french())) from error


@click.group(cls=_Kit)
def kit() -> None:
    """Prepare units of Âtre for delivery."""


@kit.command()
@click.argument("serials", nargs=-1, required=True)
@click.option(
    "--provision",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="An atre-provision.toml that all of them get: office, network, model and so on.",
)
@_units_option
@lang_option
def prepare(serials: tuple[str, ...], provision: Path | None, units: Path) -> None:
    """Give each unit a name and a claim code."""
    records = Records(units)
    common = provision.read_text("utf-8") if provision else "format = 1\n"
    for serial in serials:
        facts = records.prepare(serial, common)
        click.echo(f"{serial}  {facts.name}.local  {records.unit_file(serial)}")


@kit.command("flash")
@click.argument("image", type=click.Path(path_type=Path))
@click.option(
    "--to",
    "targets",
    multiple=True,
    required=True,
    metavar="SERIAL=DISK",
    help="Which unit's disk is where, as in AT-0001=/dev/sdb. Everything on it is lost.",
)
@click.option("--sha256", help="What the image must be.  [default: the list beside it]")
@click.option("--yes", is_flag=True, help="Do not ask before overwriting.")
@_units_option
@lang_option
def flash_command(
    image: Path, targets: tuple[str, ...], sha256: str | None, units: Path, *, yes: bool
) -> None:
    """Write the image to many disks at once and read it back."""
    records = Records(units)
    disks = _disks(targets, records)
    num_bytes = raw_bytes(image)
    for disk in disks.values():
        check_target(disk, num_bytes)
    _check_image(image, sha256)
    if not yes:
        names = ", ".join(str(disk) for disk in disks.values())
        click.confirm(say(f"Overwrite {names}?", f"Écraser {names}{_NBSP}?"), abort=True, err=True)
    begun = Flashed(image=image.name, target="", started_at=_now())
    for serial, disk in disks.items():
        records.note(serial, replace(begun, target=str(disk)))
    with _progress(num_bytes) as on_progress:
        results = flash(pieces(image), list(disks.values()), on_progress)
    for (serial, disk), written in zip(disks.items(), results, strict=True):
        records.note(serial, _noted(replace(begun, target=str(disk)), written))
        click.echo(_line(serial, written))
    if not all(written.is_done for written in results):
        sys.exit(1)


@kit.command("label")
@click.argument("serials", nargs=-1, required=True)
@click.option(
    "--size", type=click.Choice(sorted(SIZES)), default="89x36", show_default=True, help="In mm."
)
@click.option("--sheet", type=click.Choice(sorted(SHEETS)), help="Many on a page, in place of one.")
@click.option(
    "--skip", type=click.IntRange(min=0), default=0, help="Places of the sheet that are used up."
)
@click.option("--https-port", type=click.IntRange(1, 65535), default=443, show_default=True)
@click.option("--http-port", type=click.IntRange(1, 65535), default=80, show_default=True)
@click.option("--forget", is_flag=True, help="Keep the claim codes no longer: print well first.")
@click.option(
    "--to", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The PDF."
)
@_units_option
@lang_option
def label_command(
    *,
    serials: tuple[str, ...],
    size: str,
    sheet: str | None,
    skip: int,
    https_port: int,
    http_port: int,
    forget: bool,
    to: Path,
    units: Path,
) -> None:
    """Print labels: name, claim code, serial number, and QR codes, in French and English."""
    records = Records(units)
    page = SHEETS[sheet] if sheet else None
    facts = [records.label(serial) for serial in serials]
    try:
        drawn = labels(
            facts,
            SIZES[page.label if page else size],
            ports=Ports(https_port, http_port),
            sheet=page,
            skip=skip,
        )
        write_durably(to, drawn)  # for nobody else's eyes: it shows the codes
    except (OSError, ValueError) as error:
        raise ConfigError(f"{to}: {error}", f"{to}{_NBSP}: {error}") from error
    if forget:
        for serial in serials:
            records.forget_code(serial)
    click.echo(str(to))
    if forget:
        click.echo(
            say(
                f"{to} shows the codes: delete it once it is printed. Nobody else has them now.",
                f"{to} montre les codes{_NBSP}: supprimez-le une fois imprimé. Personne d’autre ne "
                "les a plus.",
            ),
            err=True,
        )


@kit.command("collect")
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@_units_option
@lang_option
def collect_command(folders: tuple[Path, ...], units: Path) -> None:
    """Take the units' reports from sticks, check their signatures and keep them."""
    records = Records(units)
    found = [each for folder in folders for each in collect(folder, records)]
    for each in found:
        click.echo("\n".join(_told(each)))
    if not all(each.is_done for each in found):
        sys.exit(1)


def _told(found: Collected) -> list[str]:
    mark, key = "✓" if found.is_done else "✗", found.key[:16]
    report = found.report
    tested = (
        say("not tested", "pas essayé")
        if report is None
        else say("passed", "essai réussi")
        if report.has_passed
        else say("FAILED", "essai RATÉ")
    )
    sealed = say("sealed", "scellé") if found.certificate else say("NOT sealed", "PAS scellé")
    colon = say(":", f"{_NBSP}:")
    lines = [f"{mark} {found.serial}{colon} {tested}, {sealed}, {say('key', 'clé')} {key}"]
    remarks = report.remarks if report else ()
    return lines + [
        f"    {each.said.spoken(french=in_french())}" for each in remarks if each.grade != "note"
    ]


def _disks(targets: tuple[str, ...], records: Records) -> dict[str, Path]:
    """Disk by serial number. Raises ConfigError for what names no unit, or a disk twice."""
    disks: dict[str, Path] = {}
    for target in targets:
        serial, separator, disk = target.partition("=")
        if not separator or not disk:
            raise ConfigError(
                f"--to {target}: write SERIAL=DISK, such as AT-0001=/dev/sdb.",
                f"--to {target}{_NBSP}: écrivez NUMÉRO=DISQUE, comme AT-0001=/dev/sdb.",
            )
        records.unit(serial)
        place = Path(disk).resolve()
        if serial in disks or place in disks.values():
            raise ConfigError(
                f"--to {target}: this unit or disk is named twice.",
                f"--to {target}{_NBSP}: ce boîtier ou ce disque est nommé deux fois.",
            )
        disks[serial] = place
    return disks


def _check_image(image: Path, sha256: str | None) -> None:
    expected = sha256 or expected_sha256(image)
    if expected is None:
        raise ConfigError(
            f"Nothing says what {image.name} must be. Put its list SHA256SUMS beside it, or give "
            "--sha256.",
            f"Rien ne dit ce que {image.name} doit être. Mettez sa liste SHA256SUMS à côté, ou "
            "donnez --sha256.",
        )
    check_sha256(image, expected)


def _noted(begun: Flashed, written: Written) -> Flashed:
    return replace(
        begun,
        ended_at=_now(),
        num_bytes=written.num_bytes,
        sha256=written.sha256,
        is_done=written.is_done,
        problem=written.problem,
    )


def _line(serial: str, written: Written) -> str:
    if written.is_done:
        return say(
            f"✓ {serial}: {written.target}, read back and whole",
            f"✓ {serial}{_NBSP}: {written.target}, relu et intact",
        )
    return say(
        f"✗ {serial}: {written.target}, NOT done: {written.problem}",
        f"✗ {serial}{_NBSP}: {written.target}, PAS terminé{_NBSP}: {written.problem}",
    )


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")


@contextmanager
def _progress(num_bytes: int | None) -> Iterator[Callable[[Path, Step, int], None]]:
    columns = (
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    words = {"write": say("writing", "écriture"), "read back": say("reading back", "relecture")}
    with Progress(*columns, console=Console(stderr=True)) as progress:
        tasks: dict[tuple[Path, Step], object] = {}

        def show(target: Path, step: Step, done: int) -> None:
            key = (target, step)
            if key not in tasks:
                tasks[key] = progress.add_task(f"{target} {words[step]}", total=num_bytes)
            progress.update(tasks[key], completed=done)  # type: ignore[arg-type]

        yield show
