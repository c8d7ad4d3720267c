# SPDX-License-Identifier: Apache-2.0
"""What the box remembers of updates, in ``state/updates/``: small files, each written durably."""

from pathlib import Path
from typing import TypeVar

import msgspec

from atre.ipc.update_replies import Check, Offer, ReturnReport, UpdatePolicy
from atre.system.durable import write_durably
from atre.system.slot import Slot

Content = TypeVar("Content")


class Installed(msgspec.Struct, frozen=True, kw_only=True):
    """The last change of slots: an install, or a going back (``was_asked``).

    ``boot_id`` is of the start of the machine during which it was ordered. ``is_written`` False:
    the slot was not written to its end. ``is_settled``: it is known how it ended.
    """

    version: str
    slot: Slot
    previous_version: str
    previous_slot: Slot
    at: float
    boot_id: str
    is_written: bool = True
    was_asked: bool = False
    is_settled: bool = False
    kept_at: float | None = None


class Sickness(msgspec.Struct, frozen=True, kw_only=True):
    """What the health check wrote before it gave a version up."""

    version: str
    slot: Slot
    at: float
    failed: Check | None
    text: str
    text_fr: str
    log: str


class Passed(msgspec.Struct, frozen=True, kw_only=True):
    """How far the health check is, for the panel; of no worth after the next start."""

    trial_id: str
    passed: list[Check]
    text: str = ""
    text_fr: str = ""


class UpdateRecord:
    """Reads and writes them. What cannot be read counts as not there; writing raises OSError."""

    def __init__(self, state_dir: Path) -> None:
        self._folder = state_dir / "updates"

    def policy(self) -> UpdatePolicy:
        return self._read("policy", UpdatePolicy) or UpdatePolicy()

    def set_policy(self, policy: UpdatePolicy) -> None:
        self._write("policy", policy)

    def installed(self) -> Installed | None:
        return self._read("installed", Installed)

    def set_installed(self, installed: Installed) -> None:
        self._write("installed", installed)

    def sickness(self) -> Sickness | None:
        return self._read("sickness", Sickness)

    def set_sickness(self, sickness: Sickness) -> None:
        self._write("sickness", sickness)

    def last_return(self) -> ReturnReport | None:
        return self._read("return", ReturnReport)

    def set_last_return(self, report: ReturnReport | None) -> None:
        """None forgets it, and what the health check said."""
        if report is not None:
            self._write("return", report)
            return
        for name in ("return", "sickness"):
            self._path(name).unlink(missing_ok=True)

    def offer(self) -> Offer | None:
        return self._read("offer", Offer)

    def set_offer(self, offer: Offer) -> None:
        self._write("offer", offer)

    def passed(self) -> Passed | None:
        return self._read("passed", Passed)

    def set_passed(self, passed: Passed) -> None:
        self._write("passed", passed)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    def _read(self, name: str, kind: type[Content]) -> Content | None:
        try:
            return msgspec.json.decode(self._path(name).read_bytes(), type=kind)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None

    def _write(self, name: str, content: object) -> None:
        write_durably(self._path(name), msgspec.json.encode(content))
