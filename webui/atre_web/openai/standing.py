# SPDX-License-Identifier: Apache-2.0
import time
from collections.abc import Callable

# How soon the answers of an account that is closed end: one short query a second and request.
_CHECK_S = 1.0


class Standing:
    """Asks now and then whether an answer that is being made is still for somebody of this office.

    ``check`` raises ForbiddenError once it is not.
    """

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check
        self._next_s = time.monotonic() + _CHECK_S

    def wait_s(self) -> float:
        """Seconds until it is to be asked again, 0 if that is overdue."""
        return max(0.0, self._next_s - time.monotonic())

    def check(self) -> None:
        """Ask, if it is time. Raises ForbiddenError."""
        if time.monotonic() >= self._next_s:
            self._check()
            self._next_s = time.monotonic() + _CHECK_S
