# SPDX-License-Identifier: Apache-2.0
"""What ``atred`` does about backups: each message of ``atre.ipc.backup_messages``, one reply."""

import contextlib
import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from msgspec.structs import replace

from atre.backup import record
from atre.backup.jobs import BackupJobs
from atre.backup.key_slots import MANAGER, KeySlot
from atre.backup.keys import (
    box_key,
    confirm_sheet,
    show_sheet,
    typed_key,
)
from atre.backup.manifest import NAME, read_manifest
from atre.backup.order import WorkOrder
from atre.backup.overview import overview
from atre.backup.place import Place
from atre.backup.policy import read_policy, write_policy
from atre.backup.program import find_program
from atre.backup.repository import Repository, units_at
from atre.backup.restore import preview
from atre.backup.swap import confirm, order, undo
from atre.backup.target import Targets, ready
from atre.discovery.host_name import load_box_id
from atre.disks.data_partition import disk_key
from atre.errors import BackupError, BackupProblem, MediaError, StorageError
from atre.ipc.backup_messages import (
    AddKey,
    ApplyRestore,
    BackupOrder,
    BackupRequest,
    CancelBackup,
    ConfirmRestore,
    ConfirmSheet,
    CreateBackup,
    DescribeBackups,
    DrillBackup,
    ListKeys,
    ListSnapshots,
    PreviewRestore,
    RemoveKey,
    SetBackupPolicy,
    ShowSheet,
    StageRestore,
    ThinBackup,
    UndoRestore,
    VerifyBackup,
)
from atre.ipc.backup_replies import (
    BackupJob,
    BackupOverview,
    JobState,
    KeyListing,
    RecoverySheet,
    RepositoryKey,
    RestorePreview,
    SnapshotListing,
)
from atre.ipc.media_messages import TargetReport
from atre.ipc.message import Message
from atre.media.open_target import OpenTarget
from atre.system.local_time import local_now

_MIN_PASSWORD = 12


class BackupVerbs:
    """Answers requests about backups; safe to call from several threads.

    ``restart`` starts the box anew, which a restore needs; ``targets`` are the places for backups.
    """

    def __init__(
        self,
        data_dir: Path,
        targets: Targets,
        *,
        config: Path | None = None,
        restart: Callable[[], None] = lambda: None,
        jobs: BackupJobs | None = None,
        clock: Callable[[], dt.datetime] = local_now,
    ) -> None:
        self.place = Place(data_dir)
        self._config = str(config) if config else ""
        self._targets = targets
        self._restart = restart
        self._clock = clock
        self.jobs = jobs or BackupJobs(data_dir, on_end=self._note_end)
        self.tried_at: dt.datetime | None = None
        self._verbs: dict[type, Callable[..., Message]] = {
            DescribeBackups: self.describe,
            SetBackupPolicy: self._set_policy,
            CreateBackup: self._start,
            VerifyBackup: self._start,
            DrillBackup: self._start,
            ThinBackup: self._start,
            StageRestore: self._start,
            CancelBackup: self._cancel,
            ListSnapshots: self._list,
            PreviewRestore: self._preview,
            ApplyRestore: self._apply,
            ConfirmRestore: self._confirm,
            UndoRestore: self._undo,
            ShowSheet: self._show_sheet,
            ConfirmSheet: self._confirm_sheet,
            ListKeys: self._list_keys,
            AddKey: self._add_key,
            RemoveKey: self._remove_key,
        }

    def answer(self, request: BackupRequest) -> Message:
        """The reply. Raises BackupError, and StorageError if the box's own disk fails."""
        try:
            return self._verbs[type(request)](request)
        except OSError as error:
            raise StorageError(
                f"The box's own disk failed at this: {error}. Free some room, and check it.",
                f"Le disque du boîtier n’y est pas arrivé\N{NO-BREAK SPACE}: {error}. Libérez de "
                "la place, et vérifiez-le.",
            ) from error

    def close(self) -> None:
        self.jobs.close()

    def ready(self) -> list[str]:
        """The ids of the targets that a backup can go to now."""
        return ready(self._reports())

    def describe(self, _: DescribeBackups | None = None) -> BackupOverview:
        return overview(
            self.place,
            targets=self._reports(),
            job=self.jobs.report(),
            now=self._clock(),
            tried_at=self.tried_at,
        )

    def _set_policy(self, request: SetBackupPolicy) -> BackupOverview:
        write_policy(self.place.state_dir, request.policy)
        return self.describe()

    def _start(self, request: BackupOrder) -> BackupJob:
        find_program()
        stack = contextlib.ExitStack()
        try:
            # Letting backups go is what a full target needs.
            is_read = isinstance(request, StageRestore | DrillBackup | ThinBackup)
            target = stack.enter_context(self._open(request.target, is_read=is_read))
            if isinstance(request, StageRestore) and not request.unit:
                request = replace(request, unit=self._likely_unit(units_at(target)))
            work = WorkOrder(
                order=request,
                target=target,
                policy=read_policy(self.place.state_dir),
                config=self._config,
            )
            return self.jobs.start(work, then=stack.close)
        except BaseException:
            stack.close()
            raise

    def note_try(self) -> None:
        """Remember that the schedule tried now, so that it does not try again at once."""
        self.tried_at = self._clock()

    def now(self) -> dt.datetime:
        """The office's time."""
        return self._clock()

    def _note_end(self, job: BackupJob) -> None:
        if job.state is JobState.CANCELLED:
            return
        with contextlib.suppress(OSError):
            record.note(
                self.place.state_dir,
                job.target,
                problem=job.problem,
                message=job.message,
                message_fr=job.message_fr,
            )

    def _cancel(self, _: CancelBackup) -> BackupJob:
        return self.jobs.cancel()

    def _list(self, request: ListSnapshots) -> SnapshotListing:
        with self._open(request.target, is_read=True) as target:
            units = units_at(target)
            unit = request.unit or self._likely_unit(units)
            repository = self._repository(target, unit, request.key)
            try:
                found = [each.told() for each in repository.snapshots(unit)]
            except BackupError as error:
                if error.problem is BackupProblem.EMPTY and target.folder is None:
                    raise _none_of(unit) from error
                raise
        return SnapshotListing(unit=unit, snapshots=found, units=units)

    def _likely_unit(self, units: Sequence[str]) -> str:
        """This box, or the one that a new box shall become: the only one on the disk."""
        own = load_box_id(self.place.state_dir)
        return units[0] if own not in units and len(units) == 1 else own

    def _preview(self, request: PreviewRestore) -> RestorePreview:
        with self._open(request.target, is_read=True) as target:
            unit = request.unit or self._likely_unit(units_at(target))
            repository = self._repository(target, unit, request.key)
            manifest = read_manifest(repository.read(request.snapshot, f"/{NAME}"))
        return preview(manifest, self.place, request.snapshot)

    def _apply(self, _: ApplyRestore) -> BackupOverview:
        order(self.place)
        self._restart()
        return self.describe()

    def _confirm(self, _: ConfirmRestore) -> BackupOverview:
        confirm(self.place)
        return self.describe()

    def _undo(self, _: UndoRestore) -> BackupOverview:
        if undo(self.place) is not None:
            self._restart()
        return self.describe()

    def _show_sheet(self, request: ShowSheet) -> RecoverySheet:
        unit = load_box_id(self.place.state_dir)
        sheet = show_sheet(self.place.secrets_dir, unit, renew=request.renew)
        return replace(sheet, disk_key=disk_key())

    def _confirm_sheet(self, request: ConfirmSheet) -> BackupOverview:
        confirm_sheet(self.place.secrets_dir, typed_key(request.key))
        return self.describe()

    def _list_keys(self, request: ListKeys) -> KeyListing:
        with self._own(request.target) as repository:
            return self._keys(request.target, repository)

    def _add_key(self, request: AddKey) -> KeyListing:
        if len(request.password) < _MIN_PASSWORD:
            raise BackupError(
                f"A key that people choose needs {_MIN_PASSWORD} characters or more.",
                f"Une clé choisie par une personne a au moins {_MIN_PASSWORD} caractères.",
                problem=BackupProblem.WRONG_KEY,
            )
        typed_key(request.password)  # one that looks like a sheet's would be read as that
        with self._own(request.target) as repository:
            repository.add_key(request.password, role=MANAGER, name=request.name)
            return self._keys(request.target, repository)

    def _remove_key(self, request: RemoveKey) -> KeyListing:
        with self._own(request.target) as repository:
            slots = repository.key_slots()
            found = [each for each in slots if each.id.startswith(request.key_id)]
            if len(found) != 1 or found[0].role != MANAGER:
                raise BackupError(
                    "Only a manager's key can be removed; the box needs its own, and another sheet "
                    "replaces a sheet.",
                    "Seule une clé de gestionnaire peut être retirée\u00a0; le boîtier a besoin de "
                    "la sienne, et une autre feuille remplace une feuille.",
                    problem=BackupProblem.KEY_UNKNOWN,
                )
            repository.remove_key(found[0].id)
            return self._keys(request.target, repository)

    def _keys(self, target: str, repository: Repository) -> KeyListing:
        return KeyListing(target=target, keys=[_told(slot) for slot in repository.key_slots()])

    @contextlib.contextmanager
    def _own(self, name: str) -> Iterator[Repository]:
        with self._open(name) as target:
            yield self._repository(target, load_box_id(self.place.state_dir), "")

    def _repository(self, target: OpenTarget, unit: str, key: str) -> Repository:
        password = typed_key(key) if key else box_key(self.place.secrets_dir)
        return Repository(find_program(), target, unit, password)

    def _reports(self) -> dict[str, TargetReport]:
        return {each.id: each for each in self._targets.describe().targets}

    @contextlib.contextmanager
    def _open(self, name: str, *, is_read: bool = False) -> Iterator[OpenTarget]:
        """The target with that id, or that label. Raises BackupError if it cannot be used."""
        reports = self._reports()
        named = (each.id for each in reports.values() if each.label == name)
        target_id = name if name in reports else next(named, None)
        if target_id is None:
            raise BackupError(
                f"No place for backups is called {name!r}. `atre backup targets` lists them.",
                f"Aucun endroit de sauvegarde ne s’appelle «\u00a0{name}\u00a0». `atre backup "
                "targets` en fait la liste.",
                problem=BackupProblem.TARGET_UNKNOWN,
            )
        with contextlib.ExitStack() as stack:
            try:
                target = stack.enter_context(self._targets.hold(target_id, is_read=is_read))
            except MediaError as error:
                label = reports[target_id].label
                raise BackupError(
                    f"{label}: {error}",
                    f"{label}\u00a0: {error.french}",
                    problem=BackupProblem.TARGET_AWAY,
                ) from error
            yield target


def _none_of(unit: str) -> BackupError:
    """What to say of a server, which does not tell whose backups it has."""
    return BackupError(
        f"The server has no backups of the box {unit}. For those of another one, give the number "
        "on its recovery sheet (`--unit`).",
        f"Le serveur n’a pas de sauvegarde du boîtier {unit}. Pour celles d’un autre, donnez le "
        "numéro de sa feuille de récupération (`--unit`).",
        problem=BackupProblem.EMPTY,
    )


def _told(slot: KeySlot) -> RepositoryKey:
    return RepositoryKey(
        id=slot.id,
        role=slot.role,
        name=slot.name,
        made_at=slot.made_at,
        is_current=slot.is_current,
    )
