# SPDX-License-Identifier: Apache-2.0
"""The repository of one unit at one target: restic's verbs, as the box uses them."""

import datetime as dt
import socket
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from atre.backup.damage import damaged
from atre.backup.failure import error_for
from atre.backup.key_slots import KeySlot, slot_of, slots_in, wrong_key
from atre.backup.locks import Lock, is_restic, may_unlock
from atre.backup.program import Program
from atre.backup.restic import OnEvent, Restic
from atre.backup.retention import keep_arguments
from atre.backup.snapshot import StoredSnapshot
from atre.errors import BackupError, BackupProblem
from atre.ipc.backup_replies import BackupPolicy
from atre.media.open_target import OpenTarget
from atre.media.sftp_fetch import fetch_folder, why_shut

_MAX_READ_BYTES = 256 * 2**20
_FOLDER = "atre-"
_SSH_FAILED = 255  # ssh(1), "EXIT STATUS"

# Of the whole, if known: bytes done, bytes in all, and the seconds left, if known.
Progress = Callable[[float | None, int, int, float | None], None]
Answer = TypeVar("Answer")


class _Found(msgspec.Struct, frozen=True):
    snapshot: str
    time: dt.datetime


class _Snapshot(msgspec.Struct, frozen=True):
    id: str


class _Group(msgspec.Struct, frozen=True):
    """What ``restic forget`` says of the snapshots of one host."""

    remove: list[_Snapshot] | None = None

    @classmethod
    def of(cls, told: dict[str, object]) -> "_Group":
        return msgspec.convert(told, cls)


class _Config(msgspec.Struct, frozen=True):
    id: str


def location_of(target: OpenTarget, unit: str) -> str:
    """Where restic keeps that unit's backups."""
    return f"{target.location.rstrip('/')}/{_FOLDER}{unit}"


def units_at(target: OpenTarget) -> list[str]:
    """The units that have backups in a folder; a server does not tell."""
    folder = target.folder
    if folder is None or not folder.is_dir():
        return []
    return sorted(
        path.parent.name.removeprefix(_FOLDER) for path in folder.glob(f"{_FOLDER}*/config")
    )


class Repository:
    """Every method raises BackupError; a wrong key names those that the repository has."""

    def __init__(self, program: Program, target: OpenTarget, unit: str, password: str) -> None:
        self._target, self._unit = target, unit
        self._location = location_of(target, unit)
        self._folder = target.folder and Path(self._location)
        self._id = ""
        self._restic = Restic(program.path, self._location, password, target.options)

    @property
    def folder(self) -> Path | None:
        """Where it lies, None on a server."""
        return self._folder

    def exists(self) -> bool:
        """Whether it is there; opens it, so that a wrong key says so."""
        if self._folder is not None and not (self._folder / "config").is_file():
            return False
        try:
            self.id()
        except BackupError as error:
            if error.problem is BackupProblem.EMPTY:
                return False
            raise
        return True

    def id(self) -> str:
        """The number that restic gave it."""
        if self._id:
            return self._id
        self._id = msgspec.json.decode(self._read("cat", "config", "--no-lock"), type=_Config).id
        return self._id

    def create(self) -> None:
        self._restic.run("init")

    def free_of_own_locks(self) -> None:
        """Take away what a restic of this machine left when the power went."""
        ids = self._read("list", "locks", "--no-lock").decode().split()
        locks = [self._lock(each) for each in ids]
        found = [lock for lock in locks if lock is not None]
        if may_unlock(found, socket.gethostname(), is_restic):
            self._run("unlock", "--remove-all")

    def back_up(
        self,
        folder: Path,
        *,
        unit: str,
        tags: Sequence[str],
        at: dt.datetime,
        upload_kib_s: int,
        progress: Progress,
    ) -> str:
        """Store everything in the folder; the snapshot's id."""
        arguments = ["backup", ".", "--host", unit, "--group-by", "host"]
        arguments += ["--time", at.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S")]
        for tag in tags:
            arguments += ["--tag", tag]
        if upload_kib_s:
            arguments += ["--limit-upload", str(upload_kib_s)]
        ids: list[str] = []

        def hear(event: dict[str, object]) -> None:
            _tell(event, progress)
            if event.get("message_type") == "summary":
                ids.append(str(event["snapshot_id"]))

        self._run(*arguments, cwd=folder, on_event=hear)
        if not ids:
            raise BackupError("restic stored no snapshot.", "restic n’a rien rangé.")
        return ids[0]

    def size_of_backup(self, folder: Path, unit: str) -> int:
        """How many bytes a backup of the folder would add: it is read, and nothing is written."""
        events = self._run(
            "backup", ".", "--dry-run", "--host", unit, "--group-by", "host", cwd=folder
        )
        for event in events:
            if event.get("message_type") == "summary":
                return int(str(event["data_added_packed"]))
        return 0

    def snapshots(self, unit: str) -> list[StoredSnapshot]:
        """Those of a unit, newest first."""
        found = self._run("snapshots", "--no-lock", "--host", unit)
        stored = msgspec.convert(found, list[StoredSnapshot])
        return sorted(stored, key=lambda each: each.at, reverse=True)

    def read(self, snapshot: str, path: str) -> bytes:
        """A small file of a snapshot."""
        return self._read("dump", "--no-lock", snapshot, path)

    def restore(self, snapshot: str, folder: Path, progress: Progress) -> None:
        """Write a snapshot's files there."""
        self._run(
            *("restore", snapshot, "--no-lock", "--target", str(folder)),
            on_event=lambda event: _tell(event, progress),
        )

    def forget(
        self, policy: BackupPolicy, unit: str, *, but: str = "", in_little_room: bool = False
    ) -> None:
        """Let old snapshots go, and what nothing needs any more; the one with the id ``but`` stays.

        In little room nothing is packed anew, so that hardly more than an index is written before
        something is deleted; parts that an ended backup left go too.
        """
        old = [each for each in self._old(policy, unit) if each != but]
        if not in_little_room:
            if old:
                self._run("forget", "--prune", *old)
            return
        if old:
            self._run("forget", *old)
        self._run("prune", "--max-repack-size", "0")

    def _old(self, policy: BackupPolicy, unit: str) -> list[str]:
        """The snapshots that the policy does not want."""
        of_unit = ("--host", unit, "--group-by", "host")
        groups = self._run("forget", "--dry-run", "--no-lock", *of_unit, *keep_arguments(policy))
        removed = [each for group in groups for each in _Group.of(group).remove or []]
        return [each.id for each in removed]

    def check(self, subset: str | None) -> None:
        """Read the structure and a part n/N of the data, all of it for None.

        Of damaged data the error says whose they are.
        """
        data = ("--read-data",) if subset is None else ("--read-data-subset", subset)
        packs: list[str] = []

        def hear(event: dict[str, object]) -> None:
            broken = event.get("broken_packs")
            packs.extend(map(str, broken if isinstance(broken, list) else ()))

        try:
            self._run("check", *data, on_event=hear)
        except BackupError as error:
            if not packs:
                raise
            raise damaged(self._backups_with(packs)) from error

    def _backups_with(self, packs: Sequence[str]) -> dict[str, dt.datetime]:
        """The snapshots that need any of these files, none if that cannot be told."""
        try:
            found = self._run("find", "--no-lock", "--pack", *packs)
        except BackupError:
            return {}  # a folder of a backup lay in them, and nobody can read what it held
        needing = msgspec.convert(found, list[_Found])
        return {each.snapshot: each.time for each in needing}

    def key_slots(self) -> list[KeySlot]:
        return [slot_of(each) for each in self._run("key", "list", "--no-lock")]

    def add_key(self, password: str, *, role: str, name: str) -> None:
        self._run("key", "add", "--host", role, "--user", name, new_password=password)

    def remove_key(self, key_id: str) -> None:
        self._run("key", "remove", key_id)

    def _lock(self, lock_id: str) -> Lock | None:
        try:
            return msgspec.json.decode(self._read("cat", "lock", lock_id, "--no-lock"), type=Lock)
        except BackupError:
            return None  # gone meanwhile

    def _read(self, *arguments: str) -> bytes:
        return self._guarded(lambda: self._restic.read(*arguments, max_bytes=_MAX_READ_BYTES))

    def _run(
        self,
        *arguments: str,
        on_event: OnEvent | None = None,
        new_password: str | None = None,
        cwd: Path | None = None,
    ) -> list[dict[str, object]]:
        return self._guarded(
            lambda: self._restic.run(
                *arguments, on_event=on_event, new_password=new_password, cwd=cwd
            )
        )

    def _guarded(self, ask: Callable[[], Answer]) -> Answer:
        try:
            return ask()
        except BackupError as error:
            if error.problem is BackupProblem.WRONG_KEY:
                raise self._wrong_key() from error
            if error.problem is BackupProblem.OTHER and self._is_gone():
                raise _gone() from error
            if error.problem is BackupProblem.TARGET_AWAY and self._folder is None:
                raise self._away(error) from error
            raise

    def _away(self, error: BackupError) -> BackupError:
        """Of a server, asked again: restic may end before it has passed on what its ssh said."""
        said = why_shut(self._target)
        clearer = error_for(_SSH_FAILED, said) if said else error
        return clearer if clearer.problem is BackupProblem.TARGET_AWAY else error

    def _wrong_key(self) -> BackupError:
        """Which keys would fit, from their files, which anybody may read."""
        if self._folder is not None:
            return wrong_key(slots_in(self._folder / "keys"))
        with tempfile.TemporaryDirectory(prefix="atre-keys-") as folder:
            fetch_folder(self._target, f"{_FOLDER}{self._unit}/keys", Path(folder))
            return wrong_key(slots_in(Path(folder)))

    def _is_gone(self) -> bool:
        """Whether its folder went away, with its disk."""
        return self._folder is not None and not (self._folder / "config").is_file()


def _gone() -> BackupError:
    return BackupError(
        "The disk of the backups went away in the middle. What was stored before stays; plug it in "
        "again.",
        "Le disque des sauvegardes a disparu en cours de route. Ce qui y était déjà reste\u00a0; "
        "rebranchez-le.",
        problem=BackupProblem.TARGET_AWAY,
    )


def _tell(event: dict[str, object], progress: Progress) -> None:
    """What restic's status objects say of a backup or a restore."""
    if event.get("message_type") != "status":
        return
    done = event.get("bytes_done", event.get("bytes_restored", 0))
    left = event.get("seconds_remaining")
    progress(
        float(str(event["percent_done"])) if "percent_done" in event else None,
        int(str(done)),
        int(str(event.get("total_bytes", 0))),
        float(str(left)) if left is not None else None,
    )
