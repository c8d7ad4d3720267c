# SPDX-License-Identifier: Apache-2.0
"""Whether the box takes new requests: closed while it must save itself, open otherwise.

The management daemon closes it by a small file that everybody who takes requests looks for: a
process that starts anew obeys at once, and nobody has to be told. A closing that is not renewed
ends by itself, so that a daemon that died leaves no box behind that refuses for ever.
"""

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from atre.errors import ClosedReason, IntakeClosedError

_NAME = "intake-closed.json"
_LIFETIME_S = 30.0
RENEWAL_S = 5.0  # how often whoever closes it says so again


class _Closing(msgspec.Struct, frozen=True):
    """``until_s`` is by the monotonic clock, which all processes of a machine share."""

    reason: ClosedReason
    retry_after_s: int
    until_s: float


class Intake:
    """The intake of the box whose sockets are in ``runtime_dir``."""

    def __init__(self, runtime_dir: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._file = runtime_dir / _NAME
        self._clock = clock

    def close(self, reason: ClosedReason, *, retry_after_s: int) -> None:
        """Refuse new requests for the next half minute. Raises OSError."""
        closing = _Closing(reason, retry_after_s, self._clock() + _LIFETIME_S)
        beside = self._file.with_suffix(".new")
        beside.write_bytes(msgspec.json.encode(closing))
        beside.replace(self._file)

    def open(self) -> None:
        """Take requests again. Raises OSError."""
        self._file.unlink(missing_ok=True)

    def closed(self) -> ClosedReason | None:
        """Why nothing new is taken now, None if it is."""
        closing = self._read()
        return closing.reason if closing else None

    def check(self) -> None:
        """Raises IntakeClosedError while nothing new is taken."""
        closing = self._read()
        if closing:
            raise IntakeClosedError(closing.reason, retry_after_s=closing.retry_after_s)

    def _read(self) -> _Closing | None:
        try:
            closing = msgspec.json.decode(self._file.read_bytes(), type=_Closing)
        except (OSError, msgspec.DecodeError):
            # Without the file, which is the usual case, nothing was closed; what cannot be read
            # was not written by us, and must not stop the office.
            return None
        # A file of before the last start of the machine lies in a future that is too far.
        left_s = closing.until_s - self._clock()
        return closing if 0 < left_s <= _LIFETIME_S else None
