# SPDX-License-Identifier: Apache-2.0
import socket
import struct
from types import SimpleNamespace

from atre_web.listener import limit_waiting


def test_an_accepted_socket_does_not_wait_for_ever() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        limit_waiting(SimpleNamespace(LISTENERS=[SimpleNamespace(sock=listener)]))
        with socket.create_connection(listener.getsockname()):
            accepted, _ = listener.accept()
            with accepted:
                value = accepted.getsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, 16)
                seconds, _microseconds = struct.unpack("ll", value)
                assert 5 <= seconds <= 60
