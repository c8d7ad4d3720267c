# SPDX-License-Identifier: Apache-2.0
import asyncio
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from atre.bench.endpoint import parse_endpoint
from atre.bench.plot import plot
from atre.bench.prompts import minutes_of_a_meeting
from atre.bench.report import Report
from atre.bench.run import Settings, run
from atre.bench.scenarios import SCENARIOS
from atre.bench.stage import Sizes
from atre.bench.table import remarks, results_table
from atre.config import DEFAULT_PORT

_DEFAULT_SCENARIOS = "plain,shared-prefix,long-prompt-arrives,rewrite"
_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)


def _numbers(_context: click.Context, _parameter: click.Parameter, value: str) -> list[int]:
    parts = [part.strip() for part in value.split(",")]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise click.BadParameter("must be whole numbers from 1 up, such as 1,4,8.")
    return [int(part) for part in parts]


def _scenarios(_context: click.Context, _parameter: click.Parameter, value: str) -> list[str]:
    names = [part.strip() for part in value.split(",")]
    for name in names:
        if name not in SCENARIOS:
            raise click.BadParameter(f"{name!r} is none of {', '.join(SCENARIOS)}.")
    return names


@click.command()
@click.option(
    "--url",
    default=f"http://127.0.0.1:{DEFAULT_PORT}/v1",
    show_default=True,
    help="The OpenAI-compatible API to measure.",
)
@click.option("--key", "keys", multiple=True, help="An API key; several stand for several people.")
@click.option("--ca", type=_FILE, help="A PEM file to trust, such as a box's ca.crt.")
@click.option("--model", help="The model to ask.  [default: the first that the server lists]")
@click.option(
    "--concurrency",
    default="1,4,8,16",
    show_default=True,
    callback=_numbers,
    help="Numbers of clients in the plain scenario.",
)
@click.option(
    "--scenario",
    "scenarios",
    default=_DEFAULT_SCENARIOS,
    show_default=True,
    callback=_scenarios,
    help=f"Some of {', '.join(SCENARIOS)}.",
)
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True)
@click.option("--prompt-tokens", type=click.IntRange(min=8), default=140, show_default=True)
@click.option("--answer-tokens", type=click.IntRange(min=2), default=128, show_default=True)
@click.option("--long-prompt-tokens", type=click.IntRange(min=64), default=1300, show_default=True)
@click.option("--text", type=_FILE, help="What is rewritten.  [default: the minutes of a meeting]")
@click.option(
    "--end-token",
    "end_tokens",
    type=click.IntRange(min=0),
    multiple=True,
    help="Number of a token that ends answers, to be forbidden.",
)
@click.option(
    "--model-bytes",
    type=click.IntRange(min=1),
    help="Weights that one token reads, where the server does not tell.",
)
@click.option(
    "--pause",
    "pause_s",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    help="Seconds that a light user reads before asking again.",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option(
    "--plot",
    "plot_file",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    help="Write a picture there, in SVG.",
)
def bench(
    *,
    url: str,
    keys: tuple[str, ...],
    ca: Path | None,
    model: str | None,
    concurrency: list[int],
    scenarios: list[str],
    rounds: int,
    prompt_tokens: int,
    answer_tokens: int,
    long_prompt_tokens: int,
    text: Path | None,
    end_tokens: tuple[int, ...],
    model_bytes: int | None,
    pause_s: float,
    plot_file: Path | None,
    as_json: bool,
) -> None:
    """Measure this box, or any server of the OpenAI API.

    Times to the first token, gaps between tokens and tokens a second, as medians over the rounds.
    """
    settings = Settings(
        endpoint=parse_endpoint(url, ca=ca),
        keys=keys,
        model=model,
        scenarios=scenarios,
        concurrency=concurrency,
        rounds=rounds,
        sizes=Sizes(
            prompt_tokens=prompt_tokens,
            answer_tokens=answer_tokens,
            long_prompt_tokens=long_prompt_tokens,
            pause_s=pause_s,
            text=text.read_text("utf-8").strip() if text else minutes_of_a_meeting(),
        ),
        end_tokens=end_tokens,
        step_bytes=model_bytes,
    )
    report = _run(settings)
    if plot_file:
        plot_file.write_text(plot(report), "utf-8")
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(report)))
        return
    console = Console()
    console.print(results_table(report))
    for line in remarks(report):
        console.print(line, highlight=False)


def _run(settings: Settings) -> Report:
    """Measure with a progress bar on stderr."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("preparing", total=None)

        def show(description: str, done: int, total: int) -> None:
            progress.update(task, description=description, completed=done, total=total)

        return asyncio.run(run(settings, show))
