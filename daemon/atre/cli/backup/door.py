# SPDX-License-Identifier: Apache-2.0
"""How a command reaches the backups: through the daemon of a box that runs, else by itself."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import click
import msgspec

from atre.atred.backup_verbs import BackupVerbs
from atre.cli.backup.bar import bar
from atre.cli.backup.words import target_option
from atre.config import default_runtime_dir
from atre.errors import BackupError, BackupProblem, ConfigError, EngineUnavailableError
from atre.ipc.backup_client import BackupClient
from atre.ipc.backup_messages import BackupOrder, BackupRequest, DescribeBackups
from atre.ipc.backup_replies import BackupJob, BackupOverview, JobState
from atre.ipc.media_client import MediaClient
from atre.ipc.media_messages import MediaRequest, Targets
from atre.ipc.message import Message
from atre.media.verbs import MediaVerbs
from atre.terminal.language import lang_option
from atre.terminal.options import data_dir_option, json_option

__all__ = [
    "Door",
    "data_dir_option",
    "finished",
    "follow",
    "job_options",
    "json_option",
    "lang_option",
    "opened",
    "print_json",
]

_LOOK_S = 0.2


class Backups(Protocol):
    """Whoever answers requests about backups."""

    def answer(self, request: BackupRequest) -> Message: ...


@dataclass(frozen=True)
class Door:
    """The two that are asked, of the box that runs or of ours."""

    backups: Backups
    change: Callable[[MediaRequest], Message]
    is_running: bool

    def answer(self, request: BackupRequest) -> Message:
        return self.backups.answer(request)

    def targets(self, request: MediaRequest) -> Targets:
        """The targets, after a change of them or as they are. Raises MediaError."""
        reply = self.change(request)
        if not isinstance(reply, Targets):
            raise TypeError(reply)
        return reply


@contextmanager
def opened(data_dir: Path, *, makes: bool = False) -> Iterator[Door]:
    """The way to the backups of the box there; ``makes`` lets a new box begin with a restore.

    Raises ConfigError if there is no box.
    """
    data_dir = data_dir.expanduser().absolute()
    socket_path = default_runtime_dir(data_dir) / "atred.sock"
    client, media_client = BackupClient(socket_path), MediaClient(socket_path)
    try:
        client.describe()
    except EngineUnavailableError:
        pass
    else:
        yield Door(client, media_client.answer, is_running=True)
        return
    if not makes and not (data_dir / "atre.db").is_file():
        raise ConfigError(
            f"{data_dir} holds no box yet. Start one with `atre serve --data-dir {data_dir}`, or "
            "bring one back with `atre backup restore`.",
            f"{data_dir} ne contient pas encore de boîtier. Démarrez-en un avec `atre serve "
            f"--data-dir {data_dir}`, ou restaurez-en un avec `atre backup restore`.",
        )
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    state_dir = data_dir / "state"
    state_dir.mkdir(mode=0o700, exist_ok=True)
    config = default_runtime_dir(data_dir) / "config.json"
    with (
        closing(MediaVerbs(state_dir, data_dir)) as media,
        closing(BackupVerbs(data_dir, media.targets, config=config)) as verbs,
    ):
        yield Door(verbs, media.answer, is_running=False)


def overview(door: Door) -> BackupOverview:
    """Everything that is known without asking a target."""
    reply = door.answer(DescribeBackups())
    if not isinstance(reply, BackupOverview):
        raise TypeError(reply)
    return reply


def follow(door: Door, order: BackupOrder) -> BackupJob:
    """Start a job, show how far it is, and wait for it. Raises BackupError if it fails."""
    started = door.answer(order)
    with bar() as show:
        job = overview(door).job
        while job is not None and job.state is JobState.RUNNING:
            show(job)
            time.sleep(_LOOK_S)
            job = overview(door).job
    if job is None or not isinstance(started, BackupJob) or job.id != started.id:
        raise BackupError(
            "The box started anew meanwhile; look at `atre backup targets`.",
            "Le boîtier a redémarré entre-temps\u00a0; regardez `atre backup targets`.",
            problem=BackupProblem.JOB_LOST,
        )
    if job.state is JobState.CANCELLED:
        raise BackupError("It was cancelled.", "Annulé.", problem=BackupProblem.CANCELLED)
    if job.state is JobState.FAILED:
        known = job.problem in set(BackupProblem)
        problem = BackupProblem(job.problem) if known else BackupProblem.OTHER
        raise BackupError(job.message, job.message_fr or job.message, problem=problem)
    return job


def finished(
    data_dir: Path, target: str | None, order: Callable[[str], BackupOrder]
) -> tuple[BackupJob, BackupOverview]:
    """Do to the target what ``order`` makes of its id; the job, and what is known then."""
    with opened(data_dir) as door:
        job = follow(door, order(the_target(door, target)))
        return job, overview(door)


def job_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of every verb that starts a job: where, and in which words it is told."""
    for option in (lang_option, json_option, data_dir_option, target_option):
        command = option(command)
    return command


def the_target(door: Door, asked: str | None) -> str:
    """The target that was asked for, else the only one that is present. Raises BackupError."""
    if asked is not None:
        return asked
    present = [each for each in overview(door).targets if each.is_present]
    if len(present) != 1:
        raise BackupError(
            "Say which place with --target; `atre backup targets` lists them."
            if present
            else "There is no place for backups yet. Plug a disk in, or name a folder with `atre "
            "backup targets add-folder FOLDER`.",
            "Dites quel endroit avec --target\u00a0; `atre backup targets` en fait la liste."
            if present
            else "Il n’y a pas encore d’endroit pour les sauvegardes. Branchez un disque, ou "
            "nommez un dossier avec `atre backup targets add-folder DOSSIER`.",
            problem=BackupProblem.TARGET_UNKNOWN,
        )
    return present[0].id


def print_json(reply: object) -> None:
    """A reply for programs."""
    click.echo(msgspec.json.format(msgspec.json.encode(reply)))
