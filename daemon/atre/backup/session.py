# SPDX-License-Identifier: Apache-2.0
"""What every job works with: the box's paths, its target, scratch room, and how it speaks."""

import contextlib
import fcntl
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from atre.backup.event import Event, Moved, Reached
from atre.backup.key_slots import SHEET
from atre.backup.keys import box_key, sheet_key, sheet_number, typed_key
from atre.backup.order import WorkOrder
from atre.backup.place import Place
from atre.backup.program import Program
from atre.backup.record import TargetRecord, note, read_record
from atre.backup.repository import Repository
from atre.discovery.host_name import load_box_id
from atre.errors import BackupError, BackupProblem
from atre.ipc.backup_replies import Stage


@dataclass(frozen=True)
class Session:
    """One job's surroundings."""

    place: Place
    work: WorkOrder
    program: Program
    scratch: Path
    say: Callable[[Event], None]

    @property
    def unit(self) -> str:
        """This box's own number."""
        return load_box_id(self.place.state_dir)

    def reached(self, stage: Stage) -> None:
        self.say(Reached(stage=stage))

    def moved(
        self, fraction: float | None, done_bytes: int, size_bytes: int, left_s: float | None
    ) -> None:
        self.say(
            Moved(fraction=fraction, done_bytes=done_bytes, size_bytes=size_bytes, left_s=left_s)
        )

    def note(self, **changes: object) -> TargetRecord:
        return note(self.place.state_dir, self.work.target.id, **changes)

    def remembered(self) -> TargetRecord:
        record = read_record(self.place.state_dir)
        return record.targets.get(self.work.target.id, TargetRecord())

    def repository(self, unit: str = "", key: str = "") -> Repository:
        """The repository of a unit, this one's by its own key if neither is given."""
        password = typed_key(key) if key else box_key(self.place.secrets_dir)
        return Repository(self.program, self.work.target, unit or self.unit, password)

    def own_repository(self) -> Repository:
        """This box's, which must be there. Raises BackupError."""
        repository = self.repository()
        check_known(repository, self.remembered())
        repository.free_of_own_locks()
        return repository


def check_known(repository: Repository, remembered: TargetRecord) -> None:
    """Raises BackupError unless it is there, and the one that was there before."""
    if not repository.exists():
        raise BackupError(
            "There are no backups of this box at that place. Check that the right disk is plugged "
            "in, or make a backup there first.",
            "Il n’y a pas de sauvegarde de ce boîtier à cet endroit. Vérifiez que le bon disque "
            "est branché, ou faites-y d’abord une sauvegarde.",
            problem=BackupProblem.EMPTY,
        )
    if remembered.repository and repository.id() != remembered.repository:
        raise BackupError(
            "Other backups lie there than those that this box made. Remove that place from the "
            "list and add it again if that is meant.",
            "Ce sont d’autres sauvegardes que celles que ce boîtier y a faites. Retirez cet "
            "endroit de la liste et ajoutez-le à nouveau si c’est voulu.",
            problem=BackupProblem.OTHER_UNIT,
        )


def give_sheet_key(session: Session, repository: Repository) -> None:
    """Let the present recovery sheet open the repository, and no older one."""
    key = sheet_key(session.place.secrets_dir)
    number = sheet_number(key) if key else ""
    if key is None or session.remembered().sheet == number:
        return
    slots = repository.key_slots()
    if not any(slot.role == SHEET and slot.name == number for slot in slots):
        repository.add_key(key, role=SHEET, name=number)
    for slot in slots:
        if slot.role == SHEET and slot.name != number:
            repository.remove_key(slot.id)
    session.note(sheet=number)


@contextlib.contextmanager
def only_job_here(place: Place) -> Iterator[None]:
    """Hold the lock of jobs, which the kernel releases with the process. Raises BackupError."""
    with place.lock.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BackupError(
                "A backup job runs already. Wait for it, or cancel it.",
                "Un travail de sauvegarde est déjà en cours. Attendez sa fin, ou annulez-le.",
                problem=BackupProblem.BUSY,
            ) from error
        yield


@contextlib.contextmanager
def scratch(place: Place) -> Iterator[Path]:
    """An empty folder on the disk of the data; what an earlier job left there goes."""
    shutil.rmtree(place.work_dir, ignore_errors=True)
    place.work_dir.mkdir(mode=0o700)
    try:
        yield place.work_dir
    finally:
        shutil.rmtree(place.work_dir, ignore_errors=True)
