# SPDX-License-Identifier: Apache-2.0
import contextlib
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from atre.errors import EngineUnavailableError, InvalidRequestError
from atre.ipc.failure import error_from
from atre.ipc.frame import FrameReader, encode_frame
from atre.ipc.message import Message
from atre.ipc.messages import Failed

_CONNECT_TIMEOUT_S = 2.0  # a local socket answers at once, or its backlog is full
_REPLY_TIMEOUT_S = 5.0  # descriptions are read from memory; an engine step can delay them
_RECV_BYTES = 65536

Reply = TypeVar("Reply")


@dataclass(slots=True, frozen=True)
class Peer:
    """Another process of the box, at its socket; ``name`` is how an error calls it.

    So is ``name_fr``, a masculine noun.
    """

    socket_path: Path
    name: str
    name_fr: str

    def connect(self, timeout_s: float = _CONNECT_TIMEOUT_S) -> socket.socket:
        """A new connection. Raises EngineUnavailableError while the process is down."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(timeout_s)
            connection.connect(str(self.socket_path))
            connection.settimeout(None)
        except OSError as error:
            connection.close()
            raise EngineUnavailableError(
                f"The {self.name} is not running or still loading. Try again in a few seconds.",
                f"Le {self.name_fr} n’est pas démarré, ou charge encore. Réessayez dans quelques "
                "secondes.",
            ) from error
        return connection

    def ask(
        self, request: Message, reply_type: type[Reply], *, timeout_s: float = _REPLY_TIMEOUT_S
    ) -> Reply:
        """The one reply to a request.

        Raises the error that comes instead, and EngineUnavailableError if nothing sensible comes.
        """
        decoder: msgspec.msgpack.Decoder[Reply | Failed]
        decoder = msgspec.msgpack.Decoder(reply_type | Failed)
        try:
            reply = decoder.decode(self._first_frame(encode_frame(request), timeout_s))
        except (OSError, InvalidRequestError) as error:
            raise EngineUnavailableError(
                f"The {self.name} does not answer.", f"Le {self.name_fr} ne répond pas."
            ) from error
        except msgspec.DecodeError as error:
            raise EngineUnavailableError(
                f"The {self.name} answered something else; restart the box.",
                f"Le {self.name_fr} a répondu autre chose ; redémarrez le boîtier.",
            ) from error
        if isinstance(reply, Failed):
            raise error_from(reply)
        return reply

    def _first_frame(self, request: bytes, timeout_s: float) -> bytes:
        frames = FrameReader()
        with contextlib.closing(self.connect(min(_CONNECT_TIMEOUT_S, timeout_s))) as connection:
            connection.settimeout(timeout_s)
            connection.sendall(request)
            while data := connection.recv(_RECV_BYTES):
                for body in frames.feed(data):
                    return body
        raise EngineUnavailableError(
            f"The {self.name} closed the connection.", f"Le {self.name_fr} a fermé la connexion."
        )
