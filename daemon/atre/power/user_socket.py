# SPDX-License-Identifier: Apache-2.0
"""The socket of a small privileged process, and which users may speak with it."""

import logging
import os
import pwd
import socket
import struct
from pathlib import Path

_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid
_log = logging.getLogger(__name__)


def listen(path: Path, backlog: int = 8) -> socket.socket:
    """A socket at ``path``, in place of one that an earlier process left. Raises OSError."""
    path.unlink(missing_ok=True)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    server.bind(str(path))
    path.chmod(0o666)  # who may speak is decided by user id, at each connection
    server.listen(backlog)
    server.setblocking(False)
    return server


def may_speak(peer: socket.socket, user: str | None) -> bool:
    """Whether root, this process's user or ``user`` is at the other end."""
    raw = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, uid, _ = _CREDENTIALS.unpack(raw)
    # The daemon's user may be a dynamic one, which exists only while the daemon runs.
    if uid in {0, os.getuid(), _uid_of(user)}:
        return True
    _log.warning("refused user id %d", uid)
    return False


def _uid_of(user: str | None) -> int | None:
    try:
        return pwd.getpwnam(user).pw_uid if user else None
    except KeyError:
        return None
