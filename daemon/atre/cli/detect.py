# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import click
import msgspec

from atre.config import default_profiles_dir
from atre.errors import EngineError
from atre.fit import fit
from atre.hardware.choose import choose
from atre.hardware.detect import detect as detect_machine
from atre.hardware.explain import explain
from atre.hardware.profiles import load_profiles
from atre.models.gguf_header import read_header
from atre.planning import factory_model_path


@click.command()
@click.option(
    "--root",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default="/",
    help="A recorded machine to read instead of this one.",
)
@click.option("--model", type=click.Path(path_type=Path), help="A GGUF file to plan for.")
@click.option("--explain", "explained", is_flag=True, help="Also say why, choice by choice.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def detect(root: Path, model: Path | None, *, explained: bool, as_json: bool) -> None:
    """Show what this machine has, which profile fits it, and how a model would run."""
    machine = detect_machine(root)
    choice = choose(machine, load_profiles(default_profiles_dir()))
    problem = None
    try:
        plan = fit(machine, choice.profile, read_header(model or factory_model_path()))
    except EngineError as error:
        plan, problem = None, str(error)
    if as_json:
        report = {"machine": machine, "choice": choice, "plan": plan, "problem": problem}
        click.echo(msgspec.json.format(msgspec.json.encode(report, enc_hook=str)))
        return
    lines = explain(machine, choice, plan)
    if not explained:
        lines = [line for line in lines if not line.startswith("Not ")]
    click.echo("\n".join(lines))
    if problem:
        raise click.ClickException(problem)
