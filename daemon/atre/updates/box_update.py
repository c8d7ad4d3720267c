# SPDX-License-Identifier: Apache-2.0
"""An update of this box, from a source to the restart of the machine."""

import contextlib
import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from atre.errors import UpdateError, UpdateProblem
from atre.ipc.update_messages import UpdateSource
from atre.ipc.update_replies import Offer, UpdatePolicy, UpdateStage
from atre.system.slot import Slot
from atre.updates import failure
from atre.updates.fetch import CancelledError
from atre.updates.installer import Installer, SystemFacts
from atre.updates.jobs import Progress
from atre.updates.look import Found, Sources
from atre.updates.record import Installed, UpdateRecord
from atre.updates.release_rule import Here, candidate_of, check
from atre.updates.schedule import next_hour


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What an update needs of the rest of the box.

    ``back_up`` raises UpdateError if there is a place for backups and none can be made. ``drain``
    closes the intake and returns once the running answers ended. ``restart`` starts the machine
    anew. ``now`` is the office's time.
    """

    version: str
    boot_id: str
    back_up: Callable[[UpdatePolicy], None]
    drain: Callable[[], None]
    restart: Callable[[], None]
    now: Callable[[], dt.datetime]


class BoxUpdate:
    """Each method is the work of one job; all raise UpdateError, CancelledError, OSError."""

    def __init__(
        self, installer: Installer, sources: Sources, record: UpdateRecord, around: Around
    ) -> None:
        self._installer = installer
        self._sources = sources
        self._record = record
        self._around = around

    def here(self) -> Here:
        """This box now. Raises UpdateError where it cannot update itself."""
        return Here(
            version=self._around.version,
            channel=self._sources.channel.name,
            compatible=self._installer.compatible,
            system=self._installer.facts(),
        )

    def look(self, source: UpdateSource, progress: Progress) -> None:
        """Note what the source offers."""
        here = self.here()
        with self._sources.look(source, here, progress.bytes) as found:
            self._record.set_offer(self._offer(source, found, here))

    def install(self, source: UpdateSource, progress: Progress, *, at_hour: bool) -> None:
        """Write the other slot, and start it."""
        here = self.here()
        _check_slots(here.system)
        with self._sources.look(source, here, progress.bytes) as found:
            if found is None:
                raise UpdateError(
                    f"There is nothing newer than version {here.version}.",
                    f"Il n’y a rien de plus récent que la version {here.version}.",
                    problem=UpdateProblem.OLDER,
                )
            check(found.candidate, here)
            version = found.candidate.version
            progress.stage(UpdateStage.FETCHING, version=version)
            bundle = self._sources.fetch(found, progress.bytes)
            progress.stage(UpdateStage.CHECKING)
            self._check_bundle(bundle, found, here)
            progress.stage(UpdateStage.BACKING_UP)
            self._around.back_up(self._record.policy())
            progress.stage(UpdateStage.WRITING)
            self._write(bundle, version, here.system, progress)
        with contextlib.suppress(OSError):
            self._sources.tidy()
        self.wait_and_restart(progress, at_hour=at_hour)

    def wait_and_restart(self, progress: Progress, *, at_hour: bool) -> None:
        """Start what was written: at the hour or now."""
        try:
            if at_hour:
                at = next_hour(self._around.now(), self._record.policy().hour).timestamp()
                progress.stage(UpdateStage.WAITING, restart_at=at)
                progress.wait_until(at, lambda: self._around.now().timestamp())
            self.restart(progress)
        except CancelledError:
            self._stay()
            raise

    def restart(self, progress: Progress) -> None:
        """Start the machine anew once the running answers ended."""
        progress.stage(UpdateStage.DRAINING)
        self._around.drain()
        progress.stage(UpdateStage.RESTARTING)
        self._around.restart()

    def order_return(self, system: SystemFacts) -> None:
        """Have the other slot started next; the caller checked that it may be."""
        running, other = _check_slots(system)
        self._note(other, system, was_asked=True)
        if system.running is not None and not system.running.is_good:
            self._installer.give_up(running)  # on trial: the last good one starts without it
        else:
            self._installer.start_next(other)

    def _check_bundle(self, bundle: Path, found: Found, here: Here) -> None:
        """The signed word counts, whatever a list said of it."""
        signed = candidate_of(self._installer.inspect(bundle))
        check(signed, here)
        if signed.version != found.candidate.version:
            raise failure.said("checksum")

    def _write(self, bundle: Path, version: str, system: SystemFacts, progress: Progress) -> None:
        _, other = _check_slots(system)
        self._record.set_last_return(None)
        # Before and after: a cut in between must not look like a version that did not come up.
        self._note(other, system, version=version, is_written=False)
        self._installer.install(bundle, progress.fraction)
        self._note(other, system, version=version)

    def _note(
        self,
        to: Slot,
        system: SystemFacts,
        *,
        version: str = "",
        is_written: bool = True,
        was_asked: bool = False,
    ) -> None:
        running, _ = _check_slots(system)
        versions = {each.slot: each.version for each in system.slots}
        self._record.set_installed(
            Installed(
                version=version or versions[to],
                slot=to,
                previous_version=self._around.version,
                previous_slot=running,
                at=time.time(),
                boot_id=self._around.boot_id,
                is_written=is_written,
                was_asked=was_asked,
            )
        )

    def _stay(self) -> None:
        """The version that was written is not started after all."""
        running, _ = _check_slots(self._installer.facts())
        self._installer.start_next(running)
        installed = self._record.installed()
        if installed is not None:
            self._record.set_installed(replace(installed, is_settled=True))

    def _offer(self, source: UpdateSource, found: Found | None, here: Here) -> Offer:
        error: UpdateError | None = None
        if found is not None:
            try:
                check(found.candidate, here)
            except UpdateError as refused:
                error = refused
        return Offer(
            source=source.kind,
            location=source.location,
            found_at=self._around.now().timestamp(),
            release=found.release() if found else None,
            refusal=error.sentence if error else None,
            problem=error.problem if error else "",
        )


def _check_slots(system: SystemFacts) -> tuple[Slot, Slot]:
    """The running slot and the other one. Raises UpdateError unless there are both."""
    running, other = system.running, system.other
    if running is None or other is None:
        raise failure.absent()
    return running.slot, other.slot
