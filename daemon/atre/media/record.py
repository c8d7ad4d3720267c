# SPDX-License-Identifier: Apache-2.0
"""The targets that a manager configured, kept over restarts."""

import logging
from pathlib import Path

import msgspec
from msgspec.structs import replace

from atre.errors import StorageError
from atre.system.durable import write_durably

_FILE = "backup-targets.json"
_log = logging.getLogger(__name__)


class _Target(msgspec.Struct, frozen=True, kw_only=True):
    """What all of them have; ``last_seen_at`` in seconds since 1970, None before the first use."""

    id: str
    label: str
    last_seen_at: float | None = None


class DiskRecord(_Target, frozen=True, kw_only=True, tag="disk"):
    """A disk, known by its filesystem's UUID wherever it is plugged in."""

    uuid: str
    name: str


class FolderRecord(_Target, frozen=True, kw_only=True, tag="folder"):
    """A folder; ``mounted`` if it only counts while something is mounted there."""

    path: str
    mounted: bool


class SftpRecord(_Target, frozen=True, kw_only=True, tag="sftp"):
    """A folder of a server; ``host_key`` is ``TYPE BASE64``, as the manager confirmed it."""

    host: str
    port: int
    user: str
    path: str
    host_key: str


Record = DiskRecord | FolderRecord | SftpRecord


class Book(msgspec.Struct, frozen=True, kw_only=True):
    """All of them, and the disks that are not offered again."""

    targets: tuple[Record, ...] = ()
    ignored: tuple[str, ...] = ()

    def find(self, target_id: str) -> Record | None:
        return next((each for each in self.targets if each.id == target_id), None)

    def with_target(self, record: Record) -> "Book":
        """The same with this one, in the place of the one of that id."""
        if self.find(record.id) is None:
            return replace(self, targets=(*self.targets, record))
        changed = tuple(record if each.id == record.id else each for each in self.targets)
        return replace(self, targets=changed)

    def without(self, target_id: str) -> "Book":
        return replace(self, targets=tuple(each for each in self.targets if each.id != target_id))


def read_book(state_dir: Path) -> Book:
    """What was kept; an empty book where nothing was.

    A file that cannot be read is put aside, never written over: a person may still mend it.
    """
    path = state_dir / _FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Book)
    except FileNotFoundError:
        return Book()
    except (OSError, msgspec.DecodeError) as error:
        _log.warning("the backup targets cannot be read (%s); they are put aside", error)
        try:
            path.replace(path.with_suffix(".unreadable"))
        except OSError:
            _log.warning("nor could they be put aside")
        return Book()


def write_book(state_dir: Path, book: Book) -> None:
    """Keep it. Raises StorageError."""
    try:
        write_durably(state_dir / _FILE, msgspec.json.format(msgspec.json.encode(book)))
    except OSError as error:
        raise StorageError(
            f"The backup targets cannot be written: {error}. Free some disk space.",
            f"Les destinations des sauvegardes ne peuvent pas être écrites\N{NO-BREAK SPACE}: "
            f"{error}. Libérez de la place sur le disque.",
        ) from error
