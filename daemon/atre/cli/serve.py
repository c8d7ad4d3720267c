# SPDX-License-Identifier: Apache-2.0
import logging
import sys
from pathlib import Path

import click

from atre.box.box import Box
from atre.cli.announcement import announcement
from atre.config import (
    DEFAULT_LAN_PORT,
    DEFAULT_PORT,
    Config,
    default_profiles_dir,
    default_runtime_dir,
)
from atre.terminal.language import lang_option
from atre.terminal.options import data_dir_option


@click.command()
@click.option("--lan", is_flag=True, help="Also serve the LAN, in TLS, and announce the box there.")
@data_dir_option
@click.option(
    "--port", type=int, default=DEFAULT_PORT, show_default=True, help="Port on this machine."
)
@click.option(
    "--lan-port", type=int, default=DEFAULT_LAN_PORT, show_default=True, help="TLS port on the LAN."
)
@click.option(
    "--http-port",
    type=int,
    help="Port without TLS on the LAN that hands out the box's certificate authority.",
)
@click.option(
    "--plain-http-api",
    is_flag=True,
    help="Also answer programs that know no TLS on --http-port. Keys and answers are readable.",
)
@click.option(
    "--alias", "aliases", multiple=True, help="Another name of the box, such as ia.bureau.example."
)
@click.option(
    "--model", help="A GGUF file, or the name of a stored model. [default: factory model]"
)
@click.option(
    "--embedding-model",
    help="A GGUF file, or the name of a stored model, that gives the vectors of /v1/embeddings.",
)
@click.option(
    "--queue-limit", type=int, default=64, show_default=True, help="How many requests may wait."
)
@click.option(
    "--unload-after",
    "unload_after_min",
    type=click.FloatRange(min=0, min_open=True),
    metavar="MINUTES",
    help="Unload the model after so long without a request; the next one loads it.",
)
@click.option(
    "--sleep",
    default="",
    metavar="CALENDAR",
    help="Unload it in these periods, such as 'mon-fri 19:00-07:00, sat-sun'.",
)
@click.option(
    "--ready-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write addresses and a key there, as JSON, once the first token can be served.",
)
@click.option(
    "--profiles-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=default_profiles_dir,
    show_default="the program's own",
    help="Hardware profiles to choose from.",
)
@click.option(
    "--model-unit",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="SOCKET",
    help="Have systemd run the models' processes in the unit behind this socket.",
)
@lang_option
def serve(
    *,
    data_dir: Path,
    port: int,
    lan_port: int,
    http_port: int | None,
    aliases: tuple[str, ...],
    model: str | None,
    embedding_model: str | None,
    queue_limit: int,
    ready_file: Path | None,
    profiles_dir: Path,
    lan: bool,
    plain_http_api: bool,
    unload_after_min: float | None,
    sleep: str,
    model_unit: Path | None,
) -> None:
    """Run the box: engine, panel and API, until Ctrl-C."""
    logging.basicConfig(level=logging.INFO, format="atre: %(message)s", stream=sys.stderr)
    data_dir = data_dir.expanduser().absolute()
    config = Config(
        data_dir=data_dir,
        runtime_dir=default_runtime_dir(data_dir),
        profiles_dir=profiles_dir.absolute(),
        port=port,
        lan=lan,
        lan_port=lan_port,
        http_port=http_port,
        plain_http_api=plain_http_api,
        aliases=tuple(alias.lower().rstrip(".") for alias in aliases),
        model=model,
        embedding_model=embedding_model,
        queue_limit=queue_limit,
        unload_after_s=None if unload_after_min is None else unload_after_min * 60,
        sleep=sleep,
        model_unit=model_unit.absolute() if model_unit else None,
    )
    Box(
        config,
        ready_file=ready_file.absolute() if ready_file else None,
        announce=lambda started: click.echo(announcement(started)),
    ).run()
