# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from atre.cli.model.catalogue import show_catalogue
from atre.cli.model.shared import open_store, size
from atre.models.manifest import FACTORY, Manifest
from atre.models.selection import read_selection
from atre.models.unfinished import Unfinished, unfinished
from atre.terminal.language import lang_option, say
from atre.terminal.options import data_dir_option, json_option


class Listing(msgspec.Struct, frozen=True):
    """What ``atre model list --json`` prints."""

    chosen: str
    models: list[Manifest]
    unfinished: list[Unfinished]


@click.command("list")
@click.option(
    "--catalogue", is_flag=True, help="What can be fetched instead, and what suits this machine."
)
@data_dir_option
@json_option
@lang_option
def list_(data_dir: Path, *, catalogue: bool, as_json: bool) -> None:
    """List the stored models, and which of them the box answers with."""
    if catalogue:
        show_catalogue(data_dir, as_json=as_json)
        return
    store = open_store(data_dir)
    listing = Listing(
        chosen=store.chosen() or FACTORY,
        models=store.manifests(),
        unfinished=unfinished(store.partial_dir),
    )
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(listing)))
        return
    Console().print(_table(listing))
    for each in listing.unfinished:
        click.echo(_resume(each))


def _table(listing: Listing) -> Table:
    table = Table(
        "", say("name", "nom"), say("size", "taille"), "licence", say("what it is", "nature")
    )
    supplied = say("the small model that comes with the box", "le petit modèle fourni")
    table.add_row(_mark(listing, FACTORY), FACTORY, "—", "Apache-2.0", supplied)
    for manifest in listing.models:
        table.add_row(
            _mark(listing, manifest.name),
            escape(manifest.name),
            size(manifest.size_bytes),
            escape(manifest.facts.licence or "—"),
            escape(_nature(manifest)),
        )
    return table


def _mark(listing: Listing, name: str) -> str:
    return "→" if name in read_selection(listing.chosen).names else ""


def _nature(manifest: Manifest) -> str:
    facts = manifest.facts
    if facts.kind == "adapter":
        return say(
            f"adapter for {manifest.base}",
            f"adaptateur pour {manifest.base}",
        )
    known = [facts.title, facts.architecture, facts.file_type]
    return ", ".join(each for each in known if each)


def _resume(left: Unfinished) -> str:
    done, whole = size(left.done_bytes), size(left.size_bytes)
    return say(
        f"Unfinished: {left.address}, {done} of {whole}. To go on: atre model pull; to forget "
        "it: atre model remove --unfinished",
        f"Inachevé : {left.address}, {done} sur {whole}. Pour continuer : atre model pull ; pour "
        "l’oublier : atre model remove --unfinished",
    )
