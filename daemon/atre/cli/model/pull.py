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
from atre.models.catalogue import load_catalogue
from atre.models.manifest import check_name
from atre.terminal.language import lang_option, say
from atre.terminal.options import data_dir_option, json_option

_MEGA = 10**6


@click.command()
@click.argument("model", metavar="ID|OWNER/REPOSITORY/FILE.gguf")
@click.option("--name", help="What to call it.  [default: the id, or from the file's name]")
@click.option(
    "--limit",
    "limit_mb_s",
    type=click.FloatRange(min=0, min_open=True),
    help="Megabytes a second at most, so that the office's line stays usable.",
)
@data_dir_option
@json_option
@lang_option
def pull(
    model: str, name: str | None, limit_mb_s: float | None, data_dir: Path, *, as_json: bool
) -> None:
    """Fetch a model from Hugging Face. The catalogue's have an ID; any GGUF file there will do.

    What was fetched stays when the line is cut, the command is stopped or the box restarts; the
    same command goes on from there. Set HF_TOKEN for models that ask for an account.
    """
    # The hub's library takes a tenth of a second that no other verb should pay.
    from atre.models.download import Pace  # noqa: PLC0415
    from atre.models.pull import find, request_for  # noqa: PLC0415
    from atre.models.pull import pull as fetch  # noqa: PLC0415

    store = open_store(data_dir)
    request = request_for(model, load_catalogue())
    if name is not None:
        request = msgspec.structs.replace(request, name=check_name(name))
    found = find(store, request)
    pace = Pace(limit_mb_s * _MEGA if limit_mb_s else None)
    with (
        tidied(store),
        bytes_shown(request.name, found.size_bytes, done_bytes=found.done_bytes) as progress,
    ):
        manifest = fetch(store, found, pace=pace, progress=progress)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(manifest)))
        return
    room = size(manifest.size_bytes)
    click.echo(
        say(
            f"Stored: {manifest.name} ({room}), sha256 checked. To answer with it: "
            f"atre model use {manifest.name}",
            f"Rangé : {manifest.name} ({room}), sha256 vérifié. Pour répondre avec : "
            f"atre model use {manifest.name}",
        )
    )
