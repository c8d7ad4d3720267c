# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import click
import msgspec

from atre.cli.model.shared import (
    bytes_shown,
    open_store,
    size,
    tidied,
)
from atre.errors import ModelStoreError
from atre.models.import_files import Candidate, candidates, import_model
from atre.models.manifest import Manifest, check_name
from atre.models.signature import SignedListing, read_signed_listing
from atre.models.store import Store
from atre.terminal.language import lang_option, say
from atre.terminal.options import data_dir_option, json_option


@click.command("import")
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@click.option("--name", help="What to call it.  [default: from the file's name]")
@click.option("--base", help="The stored model that a LoRA adapter is for.")
@click.option(
    "--signed-by",
    "key_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Only files that models.json names, signed with this Ed25519 public key.",
)
@data_dir_option
@json_option
@lang_option
def import_(
    source: Path,
    name: str | None,
    base: str | None,
    key_file: Path | None,
    data_dir: Path,
    *,
    as_json: bool,
) -> None:
    """Copy GGUF models from SOURCE, a file or a folder. Each is checked."""
    found = candidates(source.absolute())
    if name is not None:
        if len(found) > 1:
            raise ModelStoreError(
                f"{source} holds {len(found)} models, and one name cannot be for all. Import them "
                "one by one, or without --name.",
                f"{source} contient {len(found)} modèles, et un seul nom ne peut pas servir à "
                "tous. Importez-les un par un, ou sans --name.",
            )
        found = [msgspec.structs.replace(found[0], name=check_name(name))]
    listing = None
    if key_file is not None:
        folder = source if source.is_dir() else source.parent
        listing = read_signed_listing(folder, key_file)
    store = open_store(data_dir)
    with tidied(store):
        done = [_import(store, candidate, base, listing) for candidate in found]
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(done)))
        return
    for manifest in done:
        click.echo(_report(manifest))


def _import(
    store: Store, candidate: Candidate, base: str | None, listing: SignedListing | None
) -> Manifest:
    with bytes_shown(candidate.name, _size_bytes(candidate)) as progress:
        return import_model(
            store,
            candidate,
            base=base,
            expected=listing.files if listing else None,
            signer=listing.signer if listing else None,
            progress=progress,
        )


def _size_bytes(candidate: Candidate) -> int:
    try:
        return candidate.size_bytes()
    except OSError:
        return 0  # the import says what is wrong with the file


def _report(manifest: Manifest) -> str:
    room = size(manifest.size_bytes)
    stored = say(f"Stored: {manifest.name} ({room}).", f"Rangé : {manifest.name} ({room}).")
    use = f"atre model use {manifest.name}"
    if manifest.facts.kind == "adapter":
        use = f"atre model use {manifest.base} --adapter {manifest.name}"
    return stored + say(f" To answer with it: {use}", f" Pour répondre avec : {use}")
