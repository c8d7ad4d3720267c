# SPDX-License-Identifier: Apache-2.0
"""What ``atred`` does about targets: each message of ``atre.ipc.media_messages``, one reply."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from atre.errors import MediaError, StorageError
from atre.ipc.media_messages import (
    AddDiskTarget,
    AddFolderTarget,
    AddSftpTarget,
    AskSftpHost,
    DescribeSpace,
    DescribeTargets,
    FormatDisk,
    IgnoreDisk,
    MediaRequest,
    ReleaseTarget,
    RemoveTarget,
    RenameTarget,
    SetSpaceLimits,
    SftpHost,
    SpaceReport,
    Targets,
)
from atre.media import sftp
from atre.media.no_disks import NoDisks
from atre.media.targets import Disks, MediaTargets
from atre.media.udev_watch import UdevWatch
from atre.space.level import level, room
from atre.space.limits import limits_path, read_limits
from atre.space.parts import parts
from atre.system.durable import write_durably


class MediaVerbs:
    """Answers requests about targets; safe to call from several threads."""

    def __init__(self, state_dir: Path, data_dir: Path, *, bus_address: str | None = None) -> None:
        self._state_dir = state_dir
        self._data_dir = data_dir
        self._disks: Disks
        if sys.platform == "linux":
            # dbus-fast is installed on Linux only.
            from atre.media.udisks import UDisks  # noqa: PLC0415

            disks = UDisks(data_dir, bus_address=bus_address)
            self._disks = disks
            disks.on_change = self._note_change
        else:
            self._disks = NoDisks()
        self.targets = MediaTargets(state_dir, data_dir, self._disks)
        self._watch = UdevWatch(self.targets.note_change)
        targets = self.targets
        self._changes: dict[type, Callable[..., None]] = {
            DescribeTargets: lambda _: None,
            AddDiskTarget: targets.add_disk,
            AddFolderTarget: targets.add_folder,
            AddSftpTarget: targets.add_sftp,
            RenameTarget: lambda asked: targets.rename(asked.target, asked.label),
            RemoveTarget: lambda asked: targets.remove(asked.target),
            ReleaseTarget: lambda asked: targets.release(asked.target),
            IgnoreDisk: lambda asked: targets.ignore(asked.disk),
            FormatDisk: targets.format,
        }
        self._watch.start()

    def answer(self, request: MediaRequest) -> Targets | SftpHost | SpaceReport:
        """The reply. Raises MediaError, NotFoundError and StorageError."""
        match request:
            case DescribeSpace():
                return self._space()
            case SetSpaceLimits():
                self._set_limits(request)
                return self._space()
            case AskSftpHost():
                return self._sftp_host(request)
            case _:
                self._changes[type(request)](request)
                return self.targets.describe()

    @contextlib.contextmanager
    def folders(self) -> Iterator[list[Path]]:
        """Where the disks that are plugged in can be read; what was not mounted is only lent.

        Raises MediaError where there are no disks.
        """
        found, lent = [], []
        for disk in self._disks.disks():
            if disk.is_encrypted or disk.is_blank:
                continue
            with contextlib.suppress(MediaError):
                found.append(self._disks.mount(disk))
                if not disk.mount_points:
                    lent.append(disk.id)
        try:
            yield found
        finally:
            for disk in self._disks.disks() if lent else []:
                if disk.id in lent:
                    with contextlib.suppress(MediaError):
                        self._disks.unmount(disk)

    def close(self) -> None:
        self._watch.close()
        self._disks.close()

    def _note_change(self) -> None:
        self.targets.note_change()

    def _sftp_host(self, request: AskSftpHost) -> SftpHost:
        key = sftp.ask_host(request.host, request.port)
        try:
            own = sftp.own_key(self._state_dir)
        except OSError as error:
            raise StorageError(
                f"The box's key cannot be written: {error}. Free some disk space.",
                f"La clé du boîtier ne peut pas être écrite\N{NO-BREAK SPACE}: {error}. Libérez "
                "de la place sur le disque.",
            ) from error
        return SftpHost(
            host=request.host,
            port=request.port,
            key_type=key.kind,
            fingerprint=key.fingerprint,
            sftp_key=own,
        )

    def _space(self) -> SpaceReport:
        try:
            found = room(self._data_dir)
        except OSError as error:
            raise MediaError(
                f"The box's disk does not answer ({error}). Check it.",
                f"Le disque du boîtier ne répond pas ({error}). Vérifiez-le.",
            ) from error
        return SpaceReport(
            level=level(found.free_bytes),
            free_bytes=found.free_bytes,
            total_bytes=found.total_bytes,
            parts=parts(self._data_dir),
            limits=read_limits(self._state_dir),
        )

    def _set_limits(self, request: SetSpaceLimits) -> None:
        try:
            write_durably(limits_path(self._state_dir), msgspec.json.encode(request.limits))
        except OSError as error:
            raise StorageError(
                f"The limits cannot be written: {error}. Free some disk space.",
                f"Les limites ne peuvent pas être écrites\N{NO-BREAK SPACE}: {error}. Libérez de "
                "la place sur le disque.",
            ) from error
