# SPDX-License-Identifier: Apache-2.0
"""Frames on a stream socket: four bytes of length, big-endian, then a MessagePack message."""

import struct

import msgspec

from atre.errors import InvalidRequestError
from atre.ipc.message import Message

# A prompt of a few hundred thousand tokens fits; a wrong length prefix does not empty the memory.
MAX_FRAME_BYTES = 16 * 1024 * 1024

_LENGTH = struct.Struct(">I")
_encoder = msgspec.msgpack.Encoder()


def encode_frame(message: Message) -> bytes:
    """One frame, ready to send."""
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


class FrameReader:
    """Cuts a byte stream into message bodies; feed it whatever ``recv`` returned."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Return the bodies completed by ``data``.

        Raises InvalidRequestError for a frame longer than ``MAX_FRAME_BYTES``; the stream cannot
        be followed after that.
        """
        self._buffer += data
        bodies = []
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            if length > MAX_FRAME_BYTES:
                raise InvalidRequestError(
                    f"A frame of {length} bytes is longer than the {MAX_FRAME_BYTES} allowed."
                )
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                break
            bodies.append(bytes(self._buffer[_LENGTH.size : end]))
            del self._buffer[:end]
        return bodies
