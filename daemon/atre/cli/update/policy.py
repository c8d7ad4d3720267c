# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import click
from msgspec.structs import replace

from atre.cli.update.words import client_of, print_json
from atre.terminal.language import lang_option, say
from atre.terminal.options import data_dir_option, json_option


@click.command()
@click.option("--ask", type=bool, metavar="yes|no", help="Look at the channel once a day.")
@click.option("--auto", type=bool, metavar="yes|no", help="Install what was found, at the hour.")
@click.option("--hour", type=click.IntRange(0, 23), help="When the box restarts by itself.")
@data_dir_option
@json_option
@lang_option
def policy(
    data_dir: Path, *, ask: bool | None, auto: bool | None, hour: int | None, as_json: bool
) -> None:
    """Say what the box may do by itself, or change it."""
    client = client_of(data_dir)
    overview = client.describe()
    now = overview.policy
    wanted = replace(
        now,
        asks_channel=now.asks_channel if ask is None else ask,
        installs_itself=now.installs_itself if auto is None else auto,
        hour=now.hour if hour is None else hour,
    )
    if wanted != now:
        overview = client.set_policy(wanted)
    if as_json:
        print_json(overview)
        return
    host = overview.channel_host or "—"
    yes, no = say("yes", "oui"), say("no", "non")
    asks = yes if wanted.asks_channel else no
    installs = yes if wanted.installs_itself else no
    click.echo(
        say(
            f"Asks {host} once a day: {asks}",
            f"Demande à {host} une fois par jour\N{NO-BREAK SPACE}: {asks}",
        )
    )
    click.echo(
        say(f"Installs by itself: {installs}", f"Installe tout seul\N{NO-BREAK SPACE}: {installs}")
    )
    click.echo(say(f"Hour: {wanted.hour}", f"Heure\N{NO-BREAK SPACE}: {wanted.hour}"))
