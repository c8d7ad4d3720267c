# SPDX-License-Identifier: Apache-2.0
"""A stand-in for RAUC: two slots in memory, by the box's own boot rule; the contract holds it."""

import hashlib
import json
import time
from dataclasses import replace
from pathlib import Path

from atre.errors import UpdateError, UpdateProblem
from atre.system.slot import Slot
from atre.updates import failure
from atre.updates.boot_choice import is_good, primary, with_bad, with_good, with_primary
from atre.updates.boot_rule import Choice, other
from atre.updates.installer import BundleFacts, OnProgress, SlotFacts, SystemFacts

_COMPATIBLE = "atre-x86-64"


def fake_bundle(
    folder: Path,
    *,
    version: str = "2.0.0",
    compatible: str = _COMPATIBLE,
    is_ours: bool = True,
    meta: dict[str, str] | None = None,
    size: int = 100,
) -> Path:
    """A file with a checksum in place of a signature."""
    body = json.dumps(
        {
            "compatible": compatible,
            "version": version,
            "signer": "release" if is_ours else "stranger",
            "meta": {"channel": "stable"} if meta is None else meta,
            "filling": "." * size,
        }
    ).encode()
    bundle = folder / f"{version}-{compatible}-{is_ours}.raucb"
    bundle.write_bytes(hashlib.sha256(body).digest() + body)
    return bundle


class FakeInstaller:
    """An ``Installer``; ``written`` is what the other slot begins with.

    Like RAUC it knows the versions of what it wrote, not of the slot that was ``flashed``.
    """

    compatible = _COMPATIBLE

    def __init__(self, running: Slot = "a", *, version: str = "1.0.0") -> None:
        self.choice = Choice(generation=0, good=running)
        self.running: Slot = running
        self.flashed: Slot | None = running
        self.written = b""
        self.is_absent = False
        empty = SlotFacts("a", "", is_running=False, is_good=False, is_whole=True)
        self.slots: dict[Slot, SlotFacts] = {
            running: replace(empty, slot=running, version=version),
            other(running): replace(empty, slot=other(running)),
        }

    @property
    def version(self) -> str:
        """What the running system says of itself."""
        return self.slots[self.running].version

    def facts(self) -> SystemFacts:
        if self.is_absent:
            raise failure.absent()
        return SystemFacts(
            slots=tuple(
                replace(
                    self.slots[slot],
                    version="" if slot == self.flashed else self.slots[slot].version,
                    is_running=slot == self.running,
                    is_good=is_good(self.choice, slot),
                )
                for slot in ("a", "b")
            ),
            next=primary(self.choice, 0),
        )

    def inspect(self, bundle: Path) -> BundleFacts:
        if not bundle.is_file():
            raise failure.said("No such file")
        data = bundle.read_bytes()
        body = data[32:]
        if hashlib.sha256(body).digest() != data[:32]:
            raise failure.said("Signature size exceeds bundle size")
        said = json.loads(body)
        if said["signer"] != "release":
            raise failure.said("signature verification failed")
        return BundleFacts(said["compatible"], said["version"], said["meta"])

    def install(self, bundle: Path, on_progress: OnProgress) -> None:
        facts = self.inspect(bundle)
        if facts.compatible != self.compatible:
            raise failure.said("Compatible mismatch")
        target = other(self.running)
        self.choice = with_bad(self.choice, target)
        for percent in (0.2, 0.6, 1.0):
            on_progress(percent)
        self.written = b"root new"
        if self.flashed == target:
            self.flashed = None
        self.slots[target] = replace(
            self.slots[target], version=facts.version, installed_at=time.time()
        )
        self.choice = with_primary(self.choice, target)

    def start_next(self, slot: Slot) -> None:
        if not self.slots[slot].version:
            raise UpdateError("nothing there", "rien", problem=UpdateProblem.NO_PREVIOUS)
        self.choice = with_primary(self.choice, slot)

    def keep_running(self) -> None:
        self.choice = with_good(self.choice, self.running, running=self.running)

    def give_up(self, slot: Slot) -> None:
        self.choice = with_bad(self.choice, slot)

    def boot(self, *, falls_back: bool = False) -> Slot:
        """Start anew; ``falls_back`` once the loader has given the trial up."""
        self.running = self.choice.good if falls_back else primary(self.choice, 0)
        return self.running

    def close(self) -> None:
        """Nothing is open."""
