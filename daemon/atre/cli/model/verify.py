# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import click

from atre.cli.model.shared import bytes_shown, open_store
from atre.errors import ModelStoreError
from atre.models.verify import verify as find_damage
from atre.sentence import counted
from atre.terminal.language import lang_option, say
from atre.terminal.options import data_dir_option


@click.command()
@click.argument("names", nargs=-1)
@data_dir_option
@lang_option
def verify(names: tuple[str, ...], data_dir: Path) -> None:
    """Read stored models again, and compare their sha256. All are read unless NAMES are given."""
    store = open_store(data_dir)
    manifests = [store.manifest(name) for name in names] if names else store.manifests()
    problems = []
    for manifest in manifests:
        with bytes_shown(manifest.name, manifest.size_bytes) as progress:
            damage = find_damage(store, manifest, progress=progress)
        problems += [
            say(
                f"{manifest.name}: {sentence.text}",
                f"{manifest.name}\N{NO-BREAK SPACE}: {sentence.text_fr}",
            )
            for sentence in damage
        ]
    if problems:
        raise ModelStoreError(
            " ".join(problems)
            + say(
                " Import or pull it again after `atre model remove`.",
                " Importez-le ou téléchargez-le de nouveau après `atre model remove`.",
            )
        )
    count = len(manifests)
    click.echo(
        say(
            counted(count, "model is whole.", "models are whole."),
            counted(count, "modèle est intact.", "modèles sont intacts.", french=True),
        )
    )
