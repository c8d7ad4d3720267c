# SPDX-License-Identifier: Apache-2.0
"""What every limit of power has in common, whatever sets it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from atre.ipc.cap_messages import CapState
from atre.sentence import Sentence

# Hardware rounds: RAPL to an eighth of a watt, some cards to one.
TOLERANCE = 0.6


class CapError(Exception):
    """A cap that cannot be set or put back; ``reason`` says why."""

    def __init__(self, reason: Sentence) -> None:
        super().__init__(reason.text)
        self.reason = reason


class Cap(Protocol):
    """One limit. Values are in the unit of its kind (``CapKind``)."""

    @property
    def name(self) -> str: ...

    def read(self) -> CapState:
        """What is set now, and how far it may go. Never raises: garbage is a reason."""

    def saved(self) -> dict[str, str]:
        """What must be kept to put it back exactly: each setting that counts, as it reads."""

    def set(self, value: float) -> None:
        """Lower what is above ``value``; nothing is raised. Raises CapError."""

    def restore(self, saved: Mapping[str, str], value: float) -> None:
        """Put back each setting that is still as ``set(value)`` left it. Raises CapError.

        What another program, or the firmware at a start, set since then is theirs and stays.
        """


def write_setting(root: Path, path: str, text: str) -> None:
    """Write a file of the kernel's, which must be there. Raises CapError."""
    try:
        descriptor = os.open(root / path, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)
    except OSError as error:
        raise CapError(refused(path, error.strerror or str(error))) from error


def refused(path: str, detail: str) -> Sentence:
    """The kernel's refusal, in words."""
    return Sentence(
        f"Linux refuses to change {path}: {detail}. The firmware may have locked it; look in its "
        "set-up for power limits.",
        f"Linux refuse de changer {path}\N{NO-BREAK SPACE}: {detail}. Le micrologiciel l’a "
        "peut-être verrouillé\N{NO-BREAK SPACE}; cherchez les limites de puissance dans ses "
        "réglages.",
    )
