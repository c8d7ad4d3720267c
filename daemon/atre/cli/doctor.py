# SPDX-License-Identifier: Apache-2.0
import sys
from pathlib import Path

import click
import msgspec

from atre.atred.support import support_contents
from atre.burn_in.report import read_signed
from atre.cli.burn_in import burn_in, show
from atre.cli.detect import look, recorded
from atre.hardware.bundle import write_bundle
from atre.hardware.detect import detect
from atre.hardware.pmset import mac_power_issues
from atre.plan.health import HealthNote, check
from atre.terminal.language import in_french, lang_option
from atre.terminal.options import data_dir_option, json_option

_FRENCH = {
    "sound": "Tout est en ordre.",
    "problems": "À réparer",
    "advice": "Bon à savoir",
    "bundle": "Écrit, sans numéro de série, adresse MAC, nom d’hôte ni nom de personne",
    "colon": "\N{NO-BREAK SPACE}:",
}
_ENGLISH = {
    "sound": "Everything is in order.",
    "problems": "To mend",
    "advice": "Good to know",
    "bundle": "Written, without serial numbers, MAC addresses, host name or names of people",
    "colon": ":",
}
_report = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.option(
    "--bundle",
    type=click.Path(path_type=Path),
    help="Write what detection reads, without what identifies you: a .tar.gz, or a new folder.",
)
@click.option(
    "--root",
    type=click.Path(path_type=Path, exists=True),
    default="/",
    help="A recorded machine, or a bundle, to look at instead of this one.",
)
@click.option("--model", type=click.Path(path_type=Path), help="A GGUF file to look at.")
@click.option(
    "--burn-in",
    "is_burn_in",
    is_flag=True,
    help="Put a new unit to the test: memory, disk, engine, heat and power.",
)
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    default=30.0,
    show_default=True,
    help="For how long.",
)
@click.option("--serial", default="", help="The unit's serial number, if its firmware has none.")
@click.option("--report", type=_report, help="Also write the signed report of the test there.")
@click.option("--check-report", type=_report, help="Check the signature of a report and show it.")
@data_dir_option
@json_option
@lang_option
def doctor(
    *,
    root: Path,
    model: Path | None,
    data_dir: Path,
    bundle: Path | None,
    is_burn_in: bool,
    minutes: float,
    serial: str,
    report: Path | None,
    check_report: Path | None,
    as_json: bool,
) -> None:
    """Say what is wrong with hardware or model, and what to do."""
    if check_report is not None:
        show(read_signed(check_report), as_json=as_json)
        return
    if is_burn_in:
        place = data_dir.expanduser().absolute()
        tested = burn_in(place, minutes=minutes, model=model, serial=serial, to=report)
        show(tested, as_json=as_json)
        return
    french = in_french()
    spoken = _FRENCH if french else _ENGLISH
    data_dir = data_dir.expanduser().absolute()
    with recorded(root) as place:
        if bundle is not None:
            logs_dir = data_dir / "logs" if root == Path("/") else data_dir / "no-logs"
            write_bundle(support_contents(logs_dir, place), bundle)
            click.echo(f"{spoken['bundle']}{spoken['colon']} {bundle}")
            return
        machine = detect(place)
    is_here = root == Path("/")
    mac = mac_power_issues() if is_here else ()
    notes = check(look(machine, model, data_dir, is_here=is_here), data_dir, mac)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(notes)))
    else:
        click.echo("\n".join(_lines(notes, spoken, french=french)))
    if any(note.is_problem for note in notes):
        sys.exit(1)


def _lines(notes: tuple[HealthNote, ...], spoken: dict[str, str], *, french: bool) -> list[str]:
    lines: list[str] = []
    for section, is_problem in (("problems", True), ("advice", False)):
        chosen = [note for note in notes if note.is_problem is is_problem]
        if is_problem and not chosen:
            lines.append(spoken["sound"])
        if chosen:
            lines.append(f"{spoken[section]}{spoken['colon']}")
        for note in chosen:
            text, remedy = (note.text_fr, note.remedy_fr) if french else (note.text, note.remedy)
            lines.append(f"  - {text}")
            lines += [f"    {remedy}"] * bool(remedy)
    return lines
