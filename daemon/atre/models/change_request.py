# SPDX-License-Identifier: Apache-2.0
"""How ``atre model use`` asks a running box for another model, and hears what becomes of it.

A datagram to ``box.sock`` asks; the box writes its progress to a file, which outlives both. Only
the user whose box it is can reach either: the directory is theirs alone.
"""

import secrets
import socket
from pathlib import Path

import msgspec

from atre.ipc.datagrams import Datagrams
from atre.models.change import ChangeStatus
from atre.system.durable import write_durably

_MAX_REQUEST_BYTES = 4096


class UseModel(msgspec.Struct, frozen=True, kw_only=True):
    """Answer with the stored model ``name`` from now on, or with ``factory``."""

    id: str
    name: str


class RequestSocket(Datagrams):
    """The box's end; readable when somebody asks."""

    def __init__(self, runtime_dir: Path) -> None:
        super().__init__(_socket_path(runtime_dir))

    def next_request(self) -> UseModel | None:
        """What was asked, None for nothing or nonsense."""
        try:
            return msgspec.json.decode(self.receive(_MAX_REQUEST_BYTES) or b"", type=UseModel)
        except msgspec.DecodeError:
            return None


def box_listens(runtime_dir: Path) -> bool:
    """Whether a box runs there that can be asked."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as asking:
        return asking.connect_ex(str(_socket_path(runtime_dir))) == 0


def ask_for_model(runtime_dir: Path, name: str) -> str | None:
    """Ask the running box; the request's id, None if no box runs there."""
    request = UseModel(id=secrets.token_hex(8), name=name)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending:
        try:
            sending.connect(str(_socket_path(runtime_dir)))
            sending.send(msgspec.json.encode(request))
        except OSError:
            return None
    return request.id


def write_status(runtime_dir: Path, status: ChangeStatus) -> None:
    """Replace what is known of the last change. Raises OSError."""
    write_durably(_status_path(runtime_dir), msgspec.json.encode(status))


def read_status(runtime_dir: Path, request_id: str) -> ChangeStatus | None:
    """How far the request is, None as long as the box has not taken it up."""
    status = last_status(runtime_dir)
    return status if status is not None and status.request_id == request_id else None


def last_status(runtime_dir: Path) -> ChangeStatus | None:
    """The change that runs, or the last one since the box started, whoever asked for it."""
    try:
        return msgspec.json.decode(_status_path(runtime_dir).read_bytes(), type=ChangeStatus)
    except (OSError, msgspec.DecodeError):
        return None


def forget_status(runtime_dir: Path) -> None:
    """A box that starts has no change that runs, whatever the one before it wrote last."""
    _status_path(runtime_dir).unlink(missing_ok=True)


def _socket_path(runtime_dir: Path) -> Path:
    return runtime_dir / "box.sock"


def _status_path(runtime_dir: Path) -> Path:
    return runtime_dir / "model-change.json"
