# SPDX-License-Identifier: Apache-2.0
"""Every place that backups may go to: what was configured, and what it is worth now."""

import logging
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from msgspec.structs import replace

from atre.errors import MediaError, NotFoundError, StorageError
from atre.ipc.media_messages import (
    AddDiskTarget,
    AddFolderTarget,
    AddSftpTarget,
    DiskReport,
    DiskState,
    FormatDisk,
    TargetReport,
    Targets,
    TargetState,
)
from atre.media import sftp
from atre.media.disk import Disk
from atre.media.failure import DiskError, Fault
from atre.media.fitness import can_be_formatted, confirmation, judged
from atre.media.folder import Mounts, claim_folder, folder_state, read_mark
from atre.media.judgement import (
    READABLE,
    READY,
    Judged,
    judged_disk,
    kind_of,
    room_of,
    server_state,
    shown,
    unless_full,
)
from atre.media.mounts import mounts_now
from atre.media.open_target import FOLDER, OpenTarget
from atre.media.plugged import Plugged
from atre.media.record import (
    Book,
    DiskRecord,
    FolderRecord,
    Record,
    SftpRecord,
    read_book,
    write_book,
)
from atre.media.words import SAID
from atre.sentence import Sentence

_log = logging.getLogger(__name__)
_MARK_ID = re.compile(r"folder-[0-9a-f]{8}")
_SERVER_S = 60.0  # so long what a server said last is believed


class Disks(Protocol):
    """What can be done with disks; every method raises DiskError."""

    def disks(self) -> list[Disk]: ...
    def mount(self, disk: Disk) -> Path: ...
    def unmount(self, disk: Disk) -> None: ...
    def release(self, disk: Disk) -> None: ...
    def format(self, disk: Disk, label: str) -> None: ...
    def close(self) -> None: ...


class MediaTargets:
    """The targets of a box; safe from several threads. Methods that change raise MediaError."""

    def __init__(
        self,
        state_dir: Path,
        data_dir: Path,
        disks: Disks,
        *,
        clock: Callable[[], float] = time.time,
        mounts: Mounts = mounts_now,
    ) -> None:
        self._state_dir = state_dir
        self._data_dir = data_dir
        self._disks = disks
        self._clock = clock
        self._mounts = mounts
        self._lock = threading.RLock()
        self._book = read_book(state_dir)
        self._plugged = Plugged()
        self._servers: dict[str, tuple[float, Judged]] = {}
        self._revision = 0

    def note_change(self) -> None:
        """Something was plugged in, pulled out, mounted or unmounted. Returns at once."""
        self._revision += 1

    def describe(self) -> Targets:
        """What there is now."""
        with self._lock:
            found, problem = self._look()
            known = {each.uuid for each in self._disk_records()}
            return Targets(
                revision=self._revision,
                targets=[self._report(each, found, problem) for each in self._book.targets],
                disks=[self._offer(disk) for disk in found.values() if disk.id not in known],
                no_disks=problem,
                sftp_key=sftp.known_key(self._state_dir),
            )

    @contextmanager
    def hold(self, target_id: str, *, is_read: bool = False) -> Iterator[OpenTarget]:
        """Use a target: the block may write there, and nobody is told to unplug it meanwhile.

        A disk is written out and unmounted afterwards, so that pulling it does no harm. What is
        only read may be full or read-only. Raises MediaError if it is not ready.
        """
        with self._lock:
            record = self._find(target_id)
            found, problem = self._look()
            state, reason = self._judge(record, found, problem)
            if state not in (READABLE if is_read else READY):
                raise _error(reason or SAID[TargetState.ABSENT])
            place = self._place(record, found)
            disk_id = record.uuid if isinstance(record, DiskRecord) else ""
            self._plugged.hold(disk_id)
            # A full disk is no reason not to back up: only when it was last seen is then unknown.
            with suppress(StorageError):
                self._keep(self._book.with_target(replace(record, last_seen_at=self._clock())))
        try:
            yield place
        finally:
            with self._lock:
                self._look()  # a disk that is gone now was pulled while it was held
                self._plugged.let_go(disk_id)
                if isinstance(record, DiskRecord) and not self._plugged.is_held(disk_id):
                    self._set_aside(disk_id)
                self.note_change()

    def add_disk(self, request: AddDiskTarget) -> None:
        """Back up to a disk that is plugged in."""
        with self._lock:
            disk = self._disk(request.disk)
            state, reason = judged(disk)
            if state is not DiskState.OFFERED:
                raise _error(reason or SAID[TargetState.ABSENT])
            if any(each.uuid == disk.id for each in self._disk_records()):
                raise MediaError(
                    "This disk is a target already.", "Ce disque est déjà une destination."
                )
            record = DiskRecord(
                id=_new_id("disk"),
                label=request.label,
                uuid=disk.id,
                name=disk.name,
                last_seen_at=self._clock(),
            )
            self._plugged.take_back(disk.id)
            self._keep(self._book.with_target(record))

    def add_folder(self, request: AddFolderTarget) -> None:
        """Back up to a folder, which is given the target's mark."""
        with self._lock:
            record = FolderRecord(
                id=self._folder_id(Path(request.path)),
                label=request.label,
                path=request.path,
                mounted=request.mounted,
            )
            claim_folder(record, self._data_dir, self._mounts)
            self._keep(self._book.with_target(record))

    def add_sftp(self, request: AddSftpTarget) -> None:
        """Back up to a server that shows the key that was confirmed, and lets the box in."""
        sftp.check_account(request.user, request.path)
        key = sftp.ask_host(request.host, request.port)
        if key.fingerprint != request.fingerprint:
            raise sftp.HostChangedError(request.host)
        sftp.own_key(self._state_dir)
        record = SftpRecord(
            id=_new_id("sftp"),
            label=request.label,
            host=request.host,
            port=request.port,
            user=request.user,
            path=request.path,
            host_key=key.line,
        )
        sftp.try_login(self._state_dir, record)
        with self._lock:
            self._keep(self._book.with_target(record))

    def rename(self, target_id: str, label: str) -> None:
        with self._lock:
            self._keep(self._book.with_target(replace(self._find(target_id), label=label)))

    def remove(self, target_id: str) -> None:
        """Forget a target. What is stored there stays."""
        with self._lock:
            record = self._find(target_id)
            if isinstance(record, DiskRecord) and self._plugged.is_held(record.uuid):
                raise _error(SAID[TargetState.IN_USE])
            self._keep(self._book.without(record.id))

    def release(self, target_id: str) -> None:
        """Unmount a disk and switch it off. Raises MediaError while it is written to."""
        with self._lock:
            record = self._find(target_id)
            if not isinstance(record, DiskRecord):
                raise MediaError("Only disks are released.", "On ne retire que des disques.")
            if self._plugged.is_held(record.uuid):
                raise _error(SAID[TargetState.IN_USE])
            self._disks.release(self._disk(record.uuid))
            self._plugged.release(record.uuid)
            self.note_change()

    def ignore(self, disk_id: str) -> None:
        """Do not offer a disk again."""
        with self._lock:
            ignored = (*(each for each in self._book.ignored if each != disk_id), disk_id)
            self._keep(replace(self._book, ignored=ignored))

    def format(self, request: FormatDisk) -> None:
        """Erase a disk that is of no use as it is, once its name was typed."""
        with self._lock:
            disk = self._disk(request.disk)
            if not can_be_formatted(disk):
                raise MediaError(
                    "This disk is not formatted here: there is something on it that can be used.",
                    "Ce disque ne se formate pas ici\N{NO-BREAK SPACE}: il porte quelque chose "
                    "d’utilisable.",
                )
            if request.confirmation.strip() != confirmation(disk):
                raise MediaError(
                    f"Nothing was erased. To erase the disk, type its name: {confirmation(disk)}",
                    "Rien n’a été effacé. Pour effacer le disque, écrivez son nom"
                    f"\N{NO-BREAK SPACE}: {confirmation(disk)}",
                )
            self._disks.format(disk, request.label)
            self.note_change()

    def _folder_id(self, path: Path) -> str:
        """A folder keeps its mark, so that a restored box and others that share it know it too."""
        mark = read_mark(path)
        is_ours = mark is not None and _MARK_ID.fullmatch(mark) and not self._book.find(mark)
        return mark if mark is not None and is_ours else _new_id("folder")

    def _look(self) -> tuple[dict[str, Disk], Sentence | None]:
        try:
            found = {disk.id: disk for disk in self._disks.disks()}
        except DiskError as error:
            # Who is plugged in is unknown then, not gone.
            return {}, Sentence(str(error), error.french)
        if self._plugged.look(frozenset(found)):
            self.note_change()
        return found, None

    def _judge(self, record: Record, found: dict[str, Disk], problem: Sentence | None) -> Judged:
        match record:
            case DiskRecord():
                return judged_disk(record, found.get(record.uuid), self._plugged, problem)
            case FolderRecord():
                state, reason = folder_state(record, self._mounts)
                place = Path(record.path)
                return unless_full(place) if state is TargetState.READY else (state, reason)
            case SftpRecord():
                return self._judge_server(record)

    def _judge_server(self, record: SftpRecord) -> Judged:
        asked_at, said = self._servers.get(record.id, (-_SERVER_S, (TargetState.READY, None)))
        now = time.monotonic()
        if now - asked_at >= _SERVER_S:
            said = server_state(record)
            self._servers[record.id] = (now, said)
        return said

    def _place(self, record: Record, found: dict[str, Disk]) -> OpenTarget:
        match record:
            case DiskRecord():
                folder = self._disks.mount(found[record.uuid]) / FOLDER
                try:
                    folder.mkdir(mode=0o700, exist_ok=True)
                except OSError as error:
                    raise _not_ours(error) from error
            case FolderRecord():
                folder = Path(record.path)
            case SftpRecord():
                return OpenTarget(
                    id=record.id,
                    name=record.label,
                    location=sftp.location(record),
                    options=sftp.restic_options(self._state_dir, record),
                )
        return OpenTarget(
            id=record.id,
            name=record.label,
            location=str(folder),
            is_removable=isinstance(record, DiskRecord),
        )

    def _report(
        self, record: Record, found: dict[str, Disk], problem: Sentence | None
    ) -> TargetReport:
        state, reason = self._judge(record, found, problem)
        disk = found.get(record.uuid) if isinstance(record, DiskRecord) else None
        has = room_of(record, disk) if state in (*READY, TargetState.FULL) else None
        total = has.total_bytes if has else disk.size_bytes if disk else None
        return TargetReport(
            id=record.id,
            kind=kind_of(record),
            label=record.label,
            place=shown(record),
            state=state,
            reason=reason,
            free_bytes=has.free_bytes if has else None,
            total_bytes=total,
            filesystem=disk.filesystem if disk else None,
            last_seen_at=record.last_seen_at,
        )

    def _offer(self, disk: Disk) -> DiskReport:
        state, reason = judged(disk)
        if state is DiskState.OFFERED and disk.id in self._book.ignored:
            state = DiskState.IGNORED
        return DiskReport(
            id=disk.id,
            name=disk.name,
            label=disk.label,
            filesystem=disk.filesystem,
            size_bytes=disk.size_bytes,
            state=state,
            reason=reason,
            confirmation=confirmation(disk) if can_be_formatted(disk) else None,
        )

    def _disk(self, disk_id: str) -> Disk:
        found, problem = self._look()
        if problem is not None:
            raise DiskError(problem.text, problem.text_fr, Fault.NO_SERVICE)
        if disk_id not in found:
            raise MediaError(
                "This disk is not plugged in. Plug it in again.",
                "Ce disque n’est pas branché. Rebranchez-le.",
            )
        return found[disk_id]

    def _set_aside(self, disk_id: str) -> None:
        try:
            self._disks.unmount(self._disk(disk_id))
        except MediaError as error:
            _log.warning("a disk was left mounted: %s", error)

    def _disk_records(self) -> list[DiskRecord]:
        return [each for each in self._book.targets if isinstance(each, DiskRecord)]

    def _find(self, target_id: str) -> Record:
        record = self._book.find(target_id)
        if record is None:
            raise NotFoundError(
                "There is no such backup target.", "Il n’y a pas de telle destination."
            )
        return record

    def _keep(self, book: Book) -> None:
        write_book(self._state_dir, book)
        self._book = book
        self.note_change()


def _new_id(kind: str) -> str:
    return f"{kind}-{secrets.token_hex(4)}"


def _not_ours(error: OSError) -> MediaError:
    return MediaError(
        f"The box may not write to this disk ({error.strerror}): it was made by another computer. "
        f"Make a folder {FOLDER} there that anybody may write to, or bring a disk in exFAT.",
        f"Le boîtier ne peut pas écrire sur ce disque ({error.strerror})\N{NO-BREAK SPACE}: il a "
        f"été préparé par un autre ordinateur. Créez-y un dossier {FOLDER} où tout le monde peut "
        "écrire, ou apportez un disque en exFAT.",
    )


def _error(sentence: Sentence) -> MediaError:
    return MediaError(sentence.text, sentence.text_fr)
