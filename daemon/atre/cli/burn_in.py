# SPDX-License-Identifier: Apache-2.0
"""``atre doctor --burn-in`` and ``--check-report``: a unit put to the test before it is sold."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from atre.burn_in import session
from atre.burn_in.report import Report, write_signed
from atre.burn_in.results import (
    DiskResult,
    MemoryResult,
    PowerResult,
    SoakResult,
    ThermalResult,
)
from atre.burn_in.run import Progress as OnProgress
from atre.burn_in.run import Step
from atre.burn_in.unit import unit_key
from atre.cli.detect import look
from atre.hardware.detect import detect
from atre.space.words import in_words
from atre.terminal.language import in_french, say

_INTERRUPTED = 130  # as shells say of SIGINT
_NBSP = "\N{NO-BREAK SPACE}"


def burn_in(
    data_dir: Path, *, minutes: float, model: Path | None, serial: str, to: Path | None
) -> Report:
    """Test this unit and keep its signed report, in its data and at ``to``.

    Ctrl-C or SIGTERM ends the command, and nothing is kept. Raises BurnInError, ConfigError.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    try:
        with session.ended_by_sigterm(), _progress() as on_progress:
            machine = detect()
            found = look(machine, model, data_dir, is_here=True)
            probes = session.probes_of(data_dir, machine.memory, found.plan, found.problem.text)
            report = session.burn_in(
                data_dir, probes, minutes=minutes, serial=serial, on_progress=on_progress
            )
    except KeyboardInterrupt:
        click.echo(
            say("Cancelled; nothing is kept.", f"Arrêté{_NBSP}; rien n’est gardé."), err=True
        )
        sys.exit(_INTERRUPTED)
    if to:
        write_signed(report, unit_key(data_dir), to)
    return report


def show(report: Report, *, as_json: bool) -> None:
    """Print a report, and end with status 1 for a unit that failed."""
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(report)))
    else:
        click.echo("\n".join(_lines(report)))
    if not report.has_passed:
        sys.exit(1)


@contextlib.contextmanager
def _progress() -> Iterator[OnProgress]:
    """A bar with the time left on a terminal; elsewhere a line for each thing that is tested."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _told_in_lines()
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=1.0)

        def show_bar(step: Step, done: float, left_s: float) -> None:
            progress.update(task, description=f"{_step(step)}, {_left(left_s)}", completed=done)

        yield show_bar


def _told_in_lines() -> OnProgress:
    told: set[Step] = set()

    def tell(step: Step, _done: float, left_s: float) -> None:
        if step not in told:
            told.add(step)
            click.echo(f"{_step(step)}, {_left(left_s)}", err=True)

    return tell


def _step(step: Step) -> str:
    return say(*{
        "memory": ("Memory", "Mémoire"),
        "disk": ("Disk", "Disque"),
        "engine": ("Engine", "Moteur"),
    }[step])  # fmt: skip


def _left(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    time = f"{minutes}{_NBSP}min {rest:02}{_NBSP}s"
    return say(f"{time} left", f"encore {time}")


def _lines(report: Report) -> list[str]:
    found, french = report.findings, in_french()
    lines = [
        say(
            "The unit has passed." if report.has_passed else "The unit has FAILED.",
            "Le boîtier a réussi l’essai." if report.has_passed else "Le boîtier a ÉCHOUÉ.",
        )
    ]
    marks = {"fault": "✗", "doubt": "!", "note": "·"}
    lines += [f"  {marks[each.grade]} {each.said.spoken(french=french)}" for each in report.remarks]
    name = " ".join(filter(None, (report.unit.product, report.unit.serial))) or "—"
    rows = [
        (say("Unit", "Boîtier"), name),
        (say("Its key", "Sa clé"), report.unit.key),
        (say("Tested", "Essayé"), f"{report.started_at}, {report.minutes:g}{_NBSP}min"),
        (say("Memory", "Mémoire"), _memory(found.memory)),
        (say("Disk", "Disque"), _disk(found.disk)),
        (say("Engine", "Moteur"), _soak(found.soak)),
        (say("Heat", "Chaleur"), _heat(found.thermals)),
        (say("Power", "Puissance"), _power(found.power)),
    ]
    colon = say(":", f"{_NBSP}:")
    return lines + [f"{name}{colon} {value}" for name, value in rows]


def _memory(found: MemoryResult) -> str:
    tested, total = _size(found.tested_bytes), _size(found.total_bytes)
    return say(
        f"{tested} of {total} held {found.patterns} patterns",
        f"{tested} sur {total} ont gardé {found.patterns} motifs",
    )


def _disk(found: DiskResult) -> str:
    if found.write_bytes_s is None or found.read_bytes_s is None:
        return "—"
    written, read = (_size(round(rate)) for rate in (found.write_bytes_s, found.read_bytes_s))
    amount = _size(found.file_bytes * found.rounds)
    return say(
        f"{amount} written at {written} a second, read back at {read} a second",
        f"{amount} écrits à {written} par seconde, relus à {read} par seconde",
    )


def _soak(found: SoakResult | None) -> str:
    if found is None or found.first_tokens_s is None or found.last_tokens_s is None:
        return "—"
    first, last = _number(found.first_tokens_s), _number(found.last_tokens_s)
    return say(
        f"{found.model}, {found.tokens} tokens, {first} a second at first, {last} at last",
        f"{found.model}, {found.tokens} jetons, {first} par seconde au début, {last} à la fin",
    )


def _heat(found: ThermalResult) -> str:
    hottest = max(found.peaks, key=lambda peak: peak.max_c, default=None)
    if hottest is None:
        return "—"
    return f"{_number(hottest.max_c)}{_NBSP}°C ({hottest.sensor})"


def _power(found: PowerResult) -> str:
    if found.mean_w is None or found.max_w is None:
        return "—"
    mean, most = (f"{_number(each)}{_NBSP}W" for each in (found.mean_w, found.max_w))
    return say(
        f"{mean} on average, {most} at most ({found.sources})",
        f"{mean} en moyenne, {most} au plus ({found.sources})",
    )


def _size(num_bytes: int) -> str:
    return in_words(num_bytes, french=in_french())


def _number(value: float) -> str:
    text = f"{value:.1f}"
    return say(text, text.replace(".", ","))
