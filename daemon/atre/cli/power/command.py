# SPDX-License-Identifier: Apache-2.0
import datetime as dt
import threading
from collections.abc import Callable
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.text import Text

from atre.cli.power.direct import DirectReadings
from atre.cli.power.table import eco_lines, overview
from atre.cli.power.words import basis, watts
from atre.config import default_runtime_dir
from atre.errors import EngineUnavailableError
from atre.ipc.power_basis import Basis
from atre.ipc.power_client import PowerClient
from atre.ipc.power_messages import PowerDescription
from atre.power.settings import SettingsFile
from atre.system.local_time import local_now
from atre.terminal.language import in_french, lang_option, say
from atre.terminal.options import data_dir_option, json_option

_PERIOD_S = 1.0


class Moment(msgspec.Struct, frozen=True):
    """What ``atre power --watch --json`` prints each second."""

    at: str
    power_w: float | None
    basis: Basis


@click.group(invoke_without_command=True)
@click.option("--watch", is_flag=True, help="One line a second, until Ctrl-C.")
@json_option
@data_dir_option
@lang_option
@click.pass_context
def power(context: click.Context, data_dir: Path, *, watch: bool, as_json: bool) -> None:
    """Show the power that the machine takes, and what it costs."""
    if context.invoked_subcommand is not None:
        return
    data_dir = data_dir.expanduser().absolute()
    client = PowerClient(default_runtime_dir(data_dir) / "atred.sock")
    try:
        client.describe()
    except EngineUnavailableError:
        _without_box(data_dir, watch=watch, as_json=as_json)
        return
    if watch:
        _watch(lambda: _now(client), as_json=as_json)
    else:
        _show(client.describe(), as_json=as_json)


@power.command()
@json_option
@data_dir_option
@lang_option
def eco(data_dir: Path, *, as_json: bool) -> None:
    """Show eco mode: its threads, and each power cap or why there is none."""
    data_dir = data_dir.expanduser().absolute()
    told = PowerClient(default_runtime_dir(data_dir) / "atred.sock").describe().eco
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(told)))
    elif told is not None:
        for line in eco_lines(told, french=in_french()):
            click.echo(line.plain)


def _without_box(data_dir: Path, *, watch: bool, as_json: bool) -> None:
    click.echo(
        say(
            "No box runs here: the sensors are read directly, without a history.",
            "Aucun boîtier n’est en marche ici\N{NO-BREAK SPACE}: les capteurs sont lus "
            "directement, sans historique.",
        ),
        err=True,
    )
    file = SettingsFile(data_dir)
    direct = DirectReadings(file.read(), file.password())
    try:
        if watch:
            _watch(lambda: _moment(*direct.now()), as_json=as_json)
        else:
            direct.settle()
            _show(direct.describe(), as_json=as_json)
    finally:
        direct.close()


def _show(described: PowerDescription, *, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(described)))
        return
    console = Console()
    for part in overview(described, french=in_french()):
        console.print(part, markup=False, highlight=False, soft_wrap=isinstance(part, Text))


def _watch(now: Callable[[], Moment], *, as_json: bool) -> None:
    stop = threading.Event()
    try:
        while True:
            click.echo(_line(now(), as_json=as_json))
            stop.wait(_PERIOD_S)
    except KeyboardInterrupt:
        return  # how a watch ends


def _line(moment: Moment, *, as_json: bool) -> str:
    if as_json:
        return msgspec.json.encode(moment).decode()
    french = in_french()
    clock = dt.datetime.fromisoformat(moment.at).strftime("%H:%M:%S")
    return (
        f"{clock}  {watts(moment.power_w, french=french):>9}  {basis(moment.basis, french=french)}"
    )


def _now(client: PowerClient) -> Moment:
    described = client.describe()
    return _moment(described.power_w, described.basis)


def _moment(power_w: float | None, known: Basis) -> Moment:
    return Moment(local_now().isoformat(timespec="seconds"), power_w, known)
