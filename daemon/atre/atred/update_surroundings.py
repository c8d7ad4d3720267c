# SPDX-License-Identifier: Apache-2.0
"""What an update needs of this box: a backup, an intake that is closed, a restart."""

import sys
import time

from atre import __version__
from atre.atred.backup_verbs import BackupVerbs
from atre.config import Config
from atre.errors import (
    AtreError,
    ClosedReason,
    EngineUnavailableError,
    UpdateError,
    UpdateProblem,
)
from atre.ipc.backup_messages import BackupReason, CreateBackup
from atre.ipc.backup_replies import JobState
from atre.ipc.client import EngineClient
from atre.ipc.intake import RENEWAL_S, Intake
from atre.ipc.update_replies import UpdatePolicy
from atre.system.boot_id import boot_id
from atre.system.local_time import local_now
from atre.updates.box_update import Around
from atre.updates.installer import Installer

_LONGEST_S = 120.0
_LOOK_S = 0.5
_RETRY_AFTER_S = 120


def surroundings(config: Config, backups: BackupVerbs) -> Around:
    """Of a box that runs."""
    return Around(
        version=__version__,
        boot_id=boot_id(),
        back_up=lambda policy: back_up(backups, policy),
        drain=Drain(config),
        restart=restart_box,
        now=local_now,
    )


def find_installer() -> Installer:
    """RAUC, or what says that this system has none."""
    if sys.platform == "linux":
        # dbus-fast is installed on Linux only.
        from atre.updates.rauc import Rauc  # noqa: PLC0415

        return Rauc()
    from atre.updates.no_installer import NoInstaller  # noqa: PLC0415 -- the other branch

    return NoInstaller()


def back_up(backups: BackupVerbs, policy: UpdatePolicy) -> None:
    """Back up to the policy's target, or the first that is present.

    A box without any target goes on: the panel asks for one elsewhere. Raises UpdateError if one is
    there and the backup fails.
    """
    present = backups.ready()
    wanted = policy.backup_target
    if wanted is None and not present:
        return
    try:
        backups.answer(CreateBackup(target=wanted or present[0], reason=BackupReason.BEFORE_UPDATE))
        backups.jobs.wait()
    except AtreError as error:
        raise _no_backup(str(error), error.french) from error
    job = backups.jobs.report()
    if job is None or job.state is not JobState.DONE:
        message = job.message if job else ""
        raise _no_backup(message, job.message_fr if job else "")


def _no_backup(reason: str, french: str) -> UpdateError:
    return UpdateError(
        f"Nothing was installed, because the backup before it failed: {reason}",
        f"Rien n’a été installé, car la sauvegarde préalable a échoué\N{NO-BREAK SPACE}: {french}",
        problem=UpdateProblem.NO_BACKUP,
    )


class Drain:
    """Closes the intake and waits for the running answers, for two minutes at most."""

    def __init__(self, config: Config) -> None:
        self._engine = EngineClient(config.engine_socket)
        self._intake = Intake(config.runtime_dir)

    def __call__(self) -> None:
        end, renewed = time.monotonic() + _LONGEST_S, float("-inf")
        while time.monotonic() < end:
            if time.monotonic() - renewed > RENEWAL_S:
                self._intake.close(ClosedReason.UPDATING, retry_after_s=_RETRY_AFTER_S)
                renewed = time.monotonic()
            try:
                if self._engine.activity().num_open == 0:
                    return
            except EngineUnavailableError:
                return  # nobody is being answered
            time.sleep(_LOOK_S)


def restart_box() -> None:
    """Start the machine anew. Raises UpdateError if the system does not let us."""
    if sys.platform == "linux":
        # dbus-fast is installed on Linux only.
        from atre.system.bus import BusError  # noqa: PLC0415
        from atre.system.restart import restart_machine  # noqa: PLC0415

        try:
            restart_machine()
        except BusError as error:
            raise UpdateError(
                f"The box could not restart by itself ({error}). Switch it off and on.",
                f"Le boîtier n’a pas pu redémarrer seul ({error}). Éteignez-le puis rallumez-le.",
            ) from error
