# SPDX-License-Identifier: Apache-2.0
import logging
import sys
import time
from pathlib import Path

import click

from atre import __version__
from atre import config as configuration
from atre.cli.update.words import client_of, print_json
from atre.config import Config, default_runtime_dir
from atre.errors import ConfigError, UpdateError
from atre.system.slot import read_started
from atre.terminal.language import lang_option, say
from atre.terminal.options import data_dir_option, json_option
from atre.updates.gate import HealthGate
from atre.updates.log_tail import log_tail
from atre.updates.probes import probes_of
from atre.updates.record import UpdateRecord
from atre.updates.trial import DEADLINE_S, Verdict

_LOOK_S = 2.0


@click.command()
@click.option("--wait", is_flag=True, help="Keep it once it works, else go back (at each start).")
@click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    help="With --wait, the configuration of the box.  [default: of the box that runs]",
)
@data_dir_option
@json_option
@lang_option
def confirm(data_dir: Path, *, wait: bool, config_path: Path | None, as_json: bool) -> None:
    """Keep the running version for good."""
    if wait:
        _wait(data_dir.expanduser().absolute(), config_path)
        return
    overview = client_of(data_dir).confirm()
    if as_json:
        print_json(overview)
        return
    click.echo(say("The running version is kept.", "La version qui tourne est gardée."))


def _wait(data_dir: Path, config_path: Path | None) -> None:
    """What atre-health-gate.service does: nothing, unless the loader started a trial."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    started = read_started()
    if started is None or not started.trial_id:
        click.echo(say("Nothing is on trial.", "Rien n’est à l’essai."))
        return
    # Only a system with slots comes here, which is Linux.
    from atre.system.bus import BusError  # noqa: PLC0415
    from atre.system.restart import restart_machine  # noqa: PLC0415
    from atre.updates.rauc import Rauc  # noqa: PLC0415

    installer = Rauc()
    record = UpdateRecord(data_dir / "state")
    gate = HealthGate(
        started, __version__, installer, record, log=lambda: log_tail(data_dir / "logs")
    )
    config = _config(config_path or default_runtime_dir(data_dir) / "config.json")
    verdict = gate.run(probes_of(config)) if config else gate.give_up_without_box()
    installer.close()
    if verdict is Verdict.GIVE_UP:
        try:
            restart_machine()
        except BusError as error:
            raise UpdateError(
                f"The box could not restart by itself ({error}). Switch it off and on.",
                f"Le boîtier n’a pas pu redémarrer seul ({error}). Éteignez-le puis rallumez-le.",
            ) from error


def _config(path: Path) -> Config | None:
    """What the box was told, once it says so; None if it never does."""
    while time.monotonic() < DEADLINE_S:
        try:
            return configuration.load(path)
        except ConfigError:
            time.sleep(_LOOK_S)
    return None
