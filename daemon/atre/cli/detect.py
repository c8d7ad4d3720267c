# SPDX-License-Identifier: Apache-2.0
import contextlib
import logging
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from atre.config import default_data_dir, default_profiles_dir
from atre.errors import ConfigError
from atre.hardware.bundle import unpack_bundle
from atre.hardware.detect import detect as detect_machine
from atre.hardware.explain import explain
from atre.hardware.machine import Machine
from atre.hardware.remedies import words
from atre.hardware.usage import DeviceUse
from atre.plan.inspection import Inspection, inspect
from atre.plan.planning import chosen_model_path
from atre.plan.race.race import Race
from atre.plan.speed.meter import MemoryMeter
from atre.plan.speed.record import SpeedRecord
from atre.sentence import NOTHING, Sentence
from atre.terminal.language import in_french, lang_option

_NOT_HERE = Sentence(
    "A recorded machine cannot race: leave out --root, or run this on the machine itself.",
    "Un relevé ne peut rien mesurer\N{NO-BREAK SPACE}: retirez --root, ou lancez cette commande "
    "sur la machine elle-même.",
)


@click.command()
@click.option(
    "--root",
    type=click.Path(path_type=Path, exists=True),
    default="/",
    help="A recorded machine, or a bundle of `atre doctor`, to read instead of this one.",
)
@click.option("--model", type=click.Path(path_type=Path), help="A GGUF file to plan for.")
@click.option("--race", is_flag=True, help="Measure processor and GPUs anew, and remember it.")
@click.option("--eco", is_flag=True, help="With --race: let tokens per joule decide.")
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=default_data_dir,
    show_default="your data directory",
    help="Where the result of the race is kept.",
)
@click.option("--explain", "explained", is_flag=True, help="Also say why, choice by choice.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@lang_option
def detect(
    root: Path,
    model: Path | None,
    data_dir: Path,
    *,
    race: bool,
    eco: bool,
    explained: bool,
    as_json: bool,
) -> None:
    """Show what this machine has, and how a model would run on it."""
    if race and root != Path("/"):
        raise ConfigError(_NOT_HERE.text, _NOT_HERE.text_fr)
    logging.basicConfig(level=logging.INFO, format="atre: %(message)s", stream=sys.stderr)
    with recorded(root) as place:
        machine = detect_machine(place)
    found = look(machine, model, data_dir, is_here=root == Path("/"), race_now=race, eco=eco)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(_report(found), enc_hook=str)))
        return
    lines = explain(
        machine,
        found.choice,
        found.plan,
        found.outcome,
        french=in_french(),
        with_refusals=explained,
    )
    click.echo("\n".join(lines))
    if found.problem != NOTHING:
        raise click.ClickException(found.problem.spoken(french=in_french()))


def look(
    machine: Machine,
    model: Path | None,
    data_dir: Path,
    *,
    is_here: bool,
    race_now: bool = False,
    eco: bool = False,
) -> Inspection:
    """Inspect this machine with what was measured on it and the model that it answers with.

    What was measured or chosen here says nothing about a recorded machine. ``race_now`` also
    measures the memory. Raises ConfigError for wrong profiles, ModelLoadError if the chosen model
    is gone.
    """
    if not is_here:
        return inspect(machine, default_profiles_dir(), model)
    data_dir = data_dir.expanduser().absolute()
    record = SpeedRecord(data_dir / "state")
    if race_now:
        MemoryMeter(record).measure(machine)
    return inspect(
        machine,
        default_profiles_dir(),
        model or chosen_model_path(data_dir),
        Race(data_dir / "state"),
        record,
        race_now=race_now,
        eco=eco,
    )


@contextlib.contextmanager
def recorded(root: Path) -> Iterator[Path]:
    """The folder of a recording, unpacked for a while if it is a bundle.

    Raises ConfigError for a file that is no bundle.
    """
    if root.is_dir():
        yield root
        return
    with tempfile.TemporaryDirectory() as directory:
        unpack_bundle(root, Path(directory))
        yield Path(directory)


def _report(found: Inspection) -> dict[str, Any]:
    return {
        "machine": found.machine,
        "choice": found.choice,
        "plan": found.plan,
        "problem": found.problem.text or None,
        "uses": [_use(use) for use in found.uses],
        "race": found.verdict,
    }


def _use(use: DeviceUse) -> dict[str, Any]:
    report: dict[str, Any] = msgspec.to_builtins(use) | msgspec.to_builtins(words(use))
    return report
