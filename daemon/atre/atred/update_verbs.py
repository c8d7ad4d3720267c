# SPDX-License-Identifier: Apache-2.0
"""What ``atred`` does about updates: each message of ``atre.ipc.update_messages``, one reply."""

import logging
import threading
import time
from collections.abc import Callable

from msgspec.structs import replace

from atre.config import Config
from atre.errors import StorageError, UpdateError, UpdateProblem
from atre.ipc.update_messages import (
    CancelUpdate,
    CheckUpdate,
    ConfirmUpdate,
    DescribeUpdates,
    GoBack,
    InstallUpdate,
    RestartIntoUpdate,
    SetUpdatePolicy,
    UpdateRequest,
)
from atre.ipc.update_replies import SlotReport, SlotState, TrialReport, UpdateOverview
from atre.sentence import Sentence
from atre.system.slot import KERNEL_COMMAND_LINE, Started, read_started
from atre.updates.box_update import Around, BoxUpdate
from atre.updates.installer import Installer, SlotFacts, SystemFacts
from atre.updates.jobs import UpdateJobs
from atre.updates.log_tail import log_tail
from atre.updates.look import Sources
from atre.updates.record import UpdateRecord
from atre.updates.settle import go_back, settle
from atre.updates.slot_versions import with_versions
from atre.updates.trial import DEADLINE_S

_log = logging.getLogger(__name__)

# RAUC asks its handler for each slot, a program of its own that has the EFI system partition
# mounted: not again at each look of a page. Only the health gate changes slots beside us, and only
# while the last change is not settled.
_FRESH_S = 10.0


class UpdateVerbs:
    """Answers requests about updates; safe to call from several threads."""

    def __init__(
        self,
        config: Config,
        installer: Installer,
        sources: Sources,
        around: Around,
        *,
        started: Started | None = None,
    ) -> None:
        self._config = config
        self._installer = installer
        self._sources = sources
        self._around = around
        self._started = started or read_started(KERNEL_COMMAND_LINE)
        self.record = UpdateRecord(config.state_dir)
        self.jobs = UpdateJobs()
        self.work = BoxUpdate(installer, sources, self.record, around)
        self._lock = threading.Lock()
        self._known: tuple[float, SystemFacts] | None = None
        self._verbs: dict[type, Callable[..., None]] = {
            DescribeUpdates: lambda _: None,
            CheckUpdate: self._check,
            InstallUpdate: self._install,
            CancelUpdate: lambda _: self.jobs.cancel(),
            RestartIntoUpdate: self._restart,
            ConfirmUpdate: self._confirm,
            GoBack: self._go_back,
            SetUpdatePolicy: lambda asked: self.record.set_policy(asked.policy),
        }

    def answer(self, request: UpdateRequest) -> UpdateOverview:
        """The reply. Raises UpdateError, and StorageError if the box's own disk fails."""
        try:
            if not isinstance(request, DescribeUpdates):
                self.system()  # raises the reason where there are no updates
            self._verbs[type(request)](request)
            return self.describe()
        except OSError as error:
            raise StorageError(
                f"The box's own disk failed at this: {error}. Free some room, and check it.",
                f"Le disque du boîtier a échoué\N{NO-BREAK SPACE}: {error}. Libérez de la place, "
                "et vérifiez-le.",
            ) from error

    def close(self) -> None:
        self.jobs.close()
        self._installer.close()

    def system(self, *, fresh: bool = False) -> SystemFacts:
        """Both slots. Raises UpdateError where there are none."""
        with self._lock:
            known = self._known
            if not fresh and known is not None:
                is_recent = time.monotonic() - known[0] < _FRESH_S
                running = known[1].running
                is_good = running is not None and running.is_good
                if is_recent or (is_good and not self.is_unsettled):
                    return known[1]
            facts = with_versions(
                self._installer.facts(), self._around.version, self.record.installed()
            )
            self._known = (time.monotonic(), facts)
            return facts

    @property
    def is_unsettled(self) -> bool:
        """Whether it is not known yet how the last change of slots ended."""
        installed = self.record.installed()
        return installed is not None and not installed.is_settled

    def settle(self) -> None:
        """Note how the last change of slots ended, once that is known. Raises UpdateError."""
        installed, system = self.record.installed(), self.system()
        found = settle(
            installed,
            system,
            self.record.sickness(),
            boot_id=self._around.boot_id,
            now=time.time(),
        )
        if found is None:
            return
        report = found.returned
        if report is not None and not report.was_asked and not report.log:
            report = replace(report, log=log_tail(self._config.logs_dir, boot=-1))
        if report is not None:
            self.record.set_last_return(report)
        self.record.set_installed(found.installed)
        if report is not None and not report.was_asked:
            _log.warning("back on %s: %s", report.back_to, report.reason.text)
            self._installer.give_up(found.installed.slot)
        self._forget()

    def describe(self) -> UpdateOverview:
        """Everything that is known now."""
        policy, absence = self.record.policy(), None
        try:
            self.settle()
            system = self.system()
        except UpdateError as error:
            absence, system = error.sentence, SystemFacts((), "a")
        channel = self._sources.channel
        return UpdateOverview(
            version=self._around.version,
            absence=absence,
            channel=channel.name,
            channel_host=channel.host,
            policy=policy,
            slots=[self._told(each, system) for each in system.slots],
            offer=self.record.offer() if absence is None else None,
            job=self.jobs.report(),
            trial=self._trial(system),
            last_return=self.record.last_return() if absence is None else None,
            go_back=go_back(
                self.record.installed(), system, now=time.time(), copied_at=self._copied_at()
            ),
        )

    def _check(self, request: CheckUpdate) -> None:
        self.jobs.start(lambda progress: self.work.look(request.source, progress), is_install=False)

    def _install(self, request: InstallUpdate) -> None:
        system = self.system(fresh=True)
        if system.running is None or not system.running.is_good:
            raise UpdateError(
                "The running version is still on trial: wait until the box keeps it, or go back.",
                "La version qui tourne est encore à l’essai\N{NO-BREAK SPACE}: attendez que le "
                "boîtier la garde, ou revenez en arrière.",
                problem=UpdateProblem.UNCONFIRMED,
            )
        self.jobs.start(
            lambda progress: self._then_forget(
                lambda: self.work.install(request.source, progress, at_hour=request.at_hour)
            ),
            is_install=True,
        )

    def resume(self) -> None:
        """Go on waiting for the hour, where the daemon was started anew meanwhile."""
        system, installed = self.system(), self.record.installed()
        waits = (
            installed is not None
            and not installed.is_settled
            and installed.is_written
            and installed.boot_id == self._around.boot_id
        )
        if waits and system.running and system.next != system.running.slot:
            self.jobs.start(
                lambda progress: self.work.wait_and_restart(progress, at_hour=True),
                is_install=True,
            )

    def _restart(self, _: RestartIntoUpdate) -> None:
        self.jobs.hurry()

    def _confirm(self, _: ConfirmUpdate) -> None:
        self._installer.keep_running()
        self._forget()
        self.settle()

    def _go_back(self, _: GoBack) -> None:
        system = self.system(fresh=True)
        found = go_back(
            self.record.installed(), system, now=time.time(), copied_at=self._copied_at()
        )
        if found is None:
            raise UpdateError(
                "There is no previous version on this box.",
                "Il n’y a pas de version précédente sur ce boîtier.",
                problem=UpdateProblem.NO_PREVIOUS,
            )
        if found.refusal is not None:
            raise UpdateError(
                found.refusal.text, found.refusal.text_fr, problem=UpdateProblem.EXPIRED
            )
        if self.jobs.is_running:
            raise UpdateError(
                "A job of updates runs already. Wait for it, or cancel it.",
                "Un travail de mise à jour est déjà en cours. Attendez sa fin, ou annulez-le.",
                problem=UpdateProblem.BUSY,
            )
        self.work.order_return(system)
        self._forget()
        self.jobs.start(self.work.restart, is_install=True)

    def _then_forget(self, work: Callable[[], None]) -> None:
        try:
            work()
        finally:
            self._forget()

    def _forget(self) -> None:
        with self._lock:
            self._known = None

    def _told(self, slot: SlotFacts, system: SystemFacts) -> SlotReport:
        installed = self.record.installed()
        is_newest = installed is not None and installed.slot == slot.slot
        return SlotReport(
            name=slot.slot,
            version=slot.version,
            state=_state(slot, system),
            is_running=slot.is_running,
            is_next=slot.slot == system.next,
            installed_at=slot.installed_at,
            confirmed_at=installed.kept_at if installed and is_newest else None,
        )

    def _trial(self, system: SystemFacts) -> TrialReport | None:
        running, started = system.running, self._started
        if running is None or running.is_good or started is None or not started.trial_id:
            return None
        passed = self.record.passed()
        known = passed if passed and passed.trial_id == started.trial_id else None
        began_at = time.time() - time.monotonic()
        return TrialReport(
            version=self._around.version,
            began_at=began_at,
            deadline_at=began_at + DEADLINE_S,
            passed=known.passed if known else [],
            waits_for=Sentence(known.text, known.text_fr) if known and known.text else None,
        )

    def _copied_at(self) -> float | None:
        copies = (self._config.data_dir / "upgrades").glob("*-before-schema-*.db")
        return max((path.stat().st_mtime for path in copies), default=None)


def _state(slot: SlotFacts, system: SystemFacts) -> SlotState:
    if slot.is_good:
        return SlotState.CONFIRMED
    if slot.is_running:
        return SlotState.ON_TRIAL
    if not slot.version:
        return SlotState.EMPTY
    return SlotState.READY if system.next == slot.slot else SlotState.FAILED
