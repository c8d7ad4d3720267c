# SPDX-License-Identifier: Apache-2.0
import time
from pathlib import Path

import click

from atre.cli.update.words import STAGES, client_of, offered, print_json
from atre.errors import EngineUnavailableError, UpdateError, UpdateProblem
from atre.ipc.backup_replies import JobState
from atre.ipc.update_client import UpdateClient
from atre.ipc.update_messages import SourceKind, UpdateSource
from atre.ipc.update_replies import UpdateJob, UpdateOverview, UpdateStage
from atre.terminal.language import lang_option, say
from atre.terminal.options import data_dir_option, json_option

_LOOK_S = 0.5
# From here on the command has nothing more to wait for.
_LAST = {UpdateStage.WAITING, UpdateStage.RESTARTING}

_source = click.argument("source", default="channel")


@click.command()
@_source
@data_dir_option
@json_option
@lang_option
def check(source: str, data_dir: Path, *, as_json: bool) -> None:
    """Look what SOURCE offers: channel, usb, a file or an address."""
    client = client_of(data_dir)
    client.check(source_of(source))
    overview = follow(client, shows=not as_json)
    if as_json:
        print_json(overview)
        return
    for line in offered(overview.offer) if overview.offer else ():
        click.echo(line)


@click.command()
@_source
@click.option("--at-hour", is_flag=True, help="Restart at the chosen hour, not right away.")
@data_dir_option
@json_option
@lang_option
def install(source: str, data_dir: Path, *, at_hour: bool, as_json: bool) -> None:
    """Install what SOURCE offers: channel, usb, a file or an address."""
    client = client_of(data_dir)
    client.install(source_of(source), at_hour=at_hour)
    overview = follow(client, shows=not as_json)
    if as_json:
        print_json(overview)
        return
    click.echo(
        say(
            "Written. The box restarts at its hour, and keeps the version once it works.",
            "C’est écrit. Le boîtier redémarre à son heure, et garde la version si elle marche.",
        )
        if at_hour
        else say(
            "Written. The box restarts now, and keeps the version once it works.",
            "C’est écrit. Le boîtier redémarre, et garde la version si elle marche.",
        )
    )


def source_of(text: str) -> UpdateSource:
    """What somebody typed as a source."""
    if text in (SourceKind.CHANNEL, SourceKind.USB):
        return UpdateSource(kind=SourceKind(text))
    if "://" in text:
        return UpdateSource(kind=SourceKind.URL, location=text)
    return UpdateSource(kind=SourceKind.FILE, location=str(Path(text).expanduser().absolute()))


def follow(client: UpdateClient, *, shows: bool) -> UpdateOverview:
    """Wait for the job, saying how far it is. Raises UpdateError if it fails."""
    shown = ""
    overview = client.describe()
    while (job := overview.job) is not None and job.state is JobState.RUNNING:
        if job.stage in _LAST:
            return overview
        if shows and (line := _line(job)) != shown:
            click.echo(line, err=True)
            shown = line
        time.sleep(_LOOK_S)
        try:
            overview = client.describe()
        except EngineUnavailableError:
            return overview  # the machine is starting anew
    if job is not None and job.state is JobState.CANCELLED:
        raise UpdateError("It was cancelled.", "Annulé.", problem=UpdateProblem.NO_JOB)
    if job is not None and job.state is JobState.FAILED and job.message is not None:
        known = job.problem in set(UpdateProblem)
        problem = UpdateProblem(job.problem) if known else UpdateProblem.OTHER
        raise UpdateError(job.message.text, job.message.text_fr, problem=problem)
    return overview


def _line(job: UpdateJob) -> str:
    tenths = "" if job.fraction is None else f" {int(job.fraction * 10) * 10}\N{NO-BREAK SPACE}%"
    return f"{say(*STAGES[job.stage])}{tenths}"
