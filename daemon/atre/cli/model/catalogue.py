# SPDX-License-Identifier: Apache-2.0
"""``atre model list --catalogue``: what can be fetched, and what this machine should run."""

from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.table import Table

from atre.cli.model.shared import size, speed
from atre.config import default_profiles_dir
from atre.hardware.choose import choose
from atre.hardware.detect import detect
from atre.hardware.profiles import load_profiles
from atre.models.catalogue import Catalogue, load_catalogue
from atre.plan.recommend import Recommendation, expected_speeds, memory_bytes, recommend
from atre.plan.speed.record import SpeedRecord
from atre.speed_figure import SpeedFigure
from atre.terminal.language import say


class Offer(msgspec.Struct, frozen=True):
    """The catalogue, the model of it for this machine, None if none fits, and speeds by id."""

    recommended: Recommendation | None
    catalogue: Catalogue
    speeds: dict[str, SpeedFigure]


def show_catalogue(data_dir: Path, *, as_json: bool) -> None:
    """Print the catalogue and the recommendation, by what was measured on this machine."""
    catalogue, machine = load_catalogue(), detect()
    profile = choose(machine, load_profiles(default_profiles_dir())).profile
    known = SpeedRecord(data_dir.expanduser() / "state").known(machine)
    offer = Offer(
        recommend(machine, profile, catalogue, known=known),
        catalogue,
        expected_speeds(machine, profile, catalogue, known),
    )
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(offer)))
        return
    Console().print(_table(offer))
    click.echo(_advice(offer.recommended))


def _table(offer: Offer) -> Table:
    table = Table(
        "",
        "id",
        say("memory", "mémoire"),
        say("one reader", "un lecteur"),
        say("licence", "licence"),
        say("good for", "pour quoi"),
    )
    for model in offer.catalogue.models:
        chosen = offer.recommended is not None and offer.recommended.model.id == model.id
        licence = offer.catalogue.licences[model.licence]
        table.add_row(
            "→" if chosen else "",
            model.id,
            size(memory_bytes(model)),
            speed(offer.speeds.get(model.id, SpeedFigure())),
            f"{licence.title} ({_openness(model.openness)})",
            say(model.good_for, model.good_for_fr),
        )
    return table


def _openness(openness: str) -> str:
    if openness == "open source":
        return say("open source", "code source ouvert")
    return say("open weights", "poids ouverts")


def _advice(recommended: Recommendation | None) -> str:
    if recommended is None:
        return say(
            "No model of the catalogue fits this machine, or its memory is unknown.",
            "Aucun modèle du catalogue ne tient sur cette machine, ou sa mémoire est inconnue.",
        )
    return say(recommended.why, recommended.why_fr)
