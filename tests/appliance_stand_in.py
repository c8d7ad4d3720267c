# SPDX-License-Identifier: Apache-2.0
"""An ``atred`` that is played, for pages about updates and the machine: states and what was asked.

``STATES`` are overviews worth a look; some of their texts try to be markup.
"""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace
from tests.unit.test_panel_pages import BOX

from atre.errors import (
    ConflictError,
    EngineUnavailableError,
    ForbiddenError,
    InvalidRequestError,
)
from atre.ipc.appliance_messages import (
    Appliance,
    DiskFinding,
    DiskHealth,
    FactoryReset,
    NetworkChange,
    NetworkSettings,
    NetworkState,
    PresenceMeans,
)
from atre.ipc.backup_replies import JobState
from atre.ipc.messages import BoxDescription, EngineDescription
from atre.ipc.update_messages import UpdateSource
from atre.ipc.update_replies import (
    Check,
    GoBackReport,
    Offer,
    Release,
    ReturnReport,
    SlotReport,
    SlotState,
    TrialReport,
    UpdateJob,
    UpdateOverview,
    UpdatePolicy,
    UpdateStage,
)
from atre.sentence import Sentence
from atre_web.appliance.client import APPLIANCE
from atre_web.appliance.head_start import HEAD_STARTS, HeadStart
from atre_web.panel.snapshot import Sources
from atre_web.updates.blueprint import UPDATES

NOW = 1_800_000_000.0
MARKUP = "<img src=x onerror=canary()>"

RUNNING = SlotReport(
    name="a", version="1.4.0", state=SlotState.CONFIRMED, is_running=True, is_next=True,
    installed_at=NOW - 9 * 86400, confirmed_at=NOW - 9 * 86400 + 300,
)  # fmt: skip
EMPTY = SlotReport(
    name="b", version="", state=SlotState.EMPTY, is_running=False, is_next=False
)  # fmt: skip
WELL = UpdateOverview(
    version="1.4.0", absence=None, channel="stable", channel_host="updates.example.org",
    policy=UpdatePolicy(), slots=[RUNNING, EMPTY], offer=None, job=None, trial=None,
    last_return=None, go_back=None,
)  # fmt: skip
RELEASE = Release(
    version="1.5.0",
    channel="stable",
    made_at=NOW - 86400,
    size_bytes=1_240_000_000,
    changes=[
        Sentence(
            "Answers begin twice as fast on machines without a graphics card.",
            "Les réponses commencent deux fois plus vite sur une machine sans carte graphique.",
        ),
        Sentence("Backups go to two servers.", "Les sauvegardes vont sur deux serveurs."),
        Sentence(f"{MARKUP} {'x' * 300}", f"{MARKUP} {'x' * 300}"),
    ],
    is_security=True,
)
OFFER = Offer(
    source="usb", location="/media/MISE-A-JOUR", found_at=NOW, release=RELEASE
)  # fmt: skip
JOB = UpdateJob(
    id="7", is_install=True, state=JobState.RUNNING, stage=UpdateStage.WRITING, version="1.5.0",
    fraction=0.42, done_bytes=520_000_000, size_bytes=1_240_000_000,
)  # fmt: skip
TRIAL = TrialReport(
    version="1.5.0", began_at=NOW, deadline_at=NOW + 600, passed=[Check.DATA, Check.SERVICES],
    waits_for=Sentence("The model is loading.", "Le modèle se charge."),
)  # fmt: skip
RETURNED = ReturnReport(
    version=f"1.5.0{MARKUP}{'9' * 200}",
    back_to="1.4.0",
    at=NOW,
    reason=Sentence(
        "The new version never wrote a word within ten minutes.",
        "La nouvelle version n’a pas écrit un seul mot en dix minutes.",
    ),
    failed=Check.TOKEN,
    log=f"atre-engine: cannot load the model\n{MARKUP}\n" + "y" * 500,
)
BACK = GoBackReport(version="1.3.2", until=NOW + 20 * 86400, loses_since=NOW - 86400)

STATES: dict[str, UpdateOverview] = {
    "ready": replace(WELL, offer=OFFER, go_back=BACK),
    "writing": replace(WELL, offer=OFFER, job=JOB),
    "waiting": replace(
        WELL, job=replace(JOB, stage=UpdateStage.WAITING, restart_at=NOW + 7200, fraction=None)
    ),
    "trial": replace(
        WELL,
        version="1.5.0",
        slots=[
            replace(RUNNING, is_running=False, is_next=False),
            replace(EMPTY, version="1.5.0", state=SlotState.ON_TRIAL, is_running=True),
        ],
        trial=TRIAL,
    ),
    "returned": replace(WELL, last_return=RETURNED),
    "absent": replace(
        WELL,
        absence=Sentence(
            "This machine was not started from Âtre's own image: its system is updated by it.",
            "Cette machine n’a pas démarré de l’image d’Âtre : son système la met à jour.",
        ),
        slots=[],
        channel_host="",
    ),
}

DISK = DiskHealth(
    name="nvme0n1", model=f"Disk {MARKUP}", size_bytes=512 * 10**9, wear=0.91, media_errors=0,
    written_bytes=10**14, written_day_bytes=10**10, years_left=0.6, temperature_c=41.0,
    power_on_hours=9000, has_passed=True,
    findings=[
        DiskFinding(
            is_urgent=False,
            sentence=Sentence("91 % of its writes are used.", "91 % de ses écritures sont faites."),
        )
    ],
)  # fmt: skip
MACHINE = Appliance(
    is_image=True, serial="ATRE-7F3A-0042", factory_reset=None,
    presence=None, lost_password_file="atre-mot-de-passe-ATRE-7F3A-0042", reset_file="atre-reset",
    network=NetworkState(
        settings=NetworkSettings(), change=None, interfaces=["enp1s0", "enp2s0"], refusal=None,
        last_revert=None,
    ),
    disks=[], disk_problem=None,
)  # fmt: skip
CHANGE_ID = "c" * 32
CHANGE = NetworkChange(
    id=CHANGE_ID, settings=NetworkSettings(), ends_at=NOW + 24, seconds_left=24.0
)  # fmt: skip
_NO_IMAGE = Sentence(
    "This machine was not started from Âtre's own image.",
    "Cette machine n’a pas démarré de l’image d’Âtre.",
)
CODE = "K7QP-2M4X"


class UpdatesStandIn:
    """Answers with one state, or refuses; remembers what it was asked."""

    def __init__(self, state: UpdateOverview = WELL) -> None:
        self.state = state
        self.error: Exception | None = None
        self.asked: list[tuple[str, Any]] = []
        # What a request makes of the state, as the daemon's work would.
        self.becomes: dict[str, UpdateOverview] = {}

    def describe(self) -> UpdateOverview:
        if isinstance(self.error, Exception) and self.error.args == ("down",):
            raise self.error
        return self.state

    def check(self, source: UpdateSource) -> UpdateOverview:
        return self._act("check", source)

    def install(self, source: UpdateSource, *, at_hour: bool = False) -> UpdateOverview:
        return self._act("install", (source, at_hour))

    def set_policy(self, policy: UpdatePolicy) -> UpdateOverview:
        return self._act("set_policy", policy)

    def cancel(self) -> UpdateOverview:
        return self._act("cancel")

    def restart(self) -> UpdateOverview:
        return self._act("restart")

    def confirm(self) -> UpdateOverview:
        return self._act("confirm")

    def go_back(self) -> UpdateOverview:
        return self._act("go_back")

    def _act(self, verb: str, about: object = None) -> UpdateOverview:
        if self.error:
            raise self.error
        self.asked.append((verb, about))
        self.state = self.becomes.get(verb, self.state)
        return self.state


class ApplianceStandIn:
    """A machine whose every change is on trial, and whose code is ``CODE``.

    One that ``is_forgetful`` is the same afterwards, for pages that are opened again and again.
    """

    def __init__(self, machine: Appliance = MACHINE, *, is_forgetful: bool = False) -> None:
        self._machine = machine
        self._is_forgetful = is_forgetful
        self.is_spent = False
        self.clock: Callable[[], float] = lambda: NOW

    @property
    def machine(self) -> Appliance:
        return self._machine

    @machine.setter
    def machine(self, changed: Appliance) -> None:
        if not self._is_forgetful:
            self._machine = changed

    def describe(self) -> Appliance:
        return self.machine

    def order_factory_reset(self, typed: str, by: str, *, restart: bool = True) -> Appliance:
        assert restart
        if typed != self.machine.serial:
            raise InvalidRequestError("Type the serial.", param="typed")
        return self._changed(factory_reset=FactoryReset(ordered_at=self.clock(), by=by))

    def take_back_factory_reset(self) -> Appliance:
        return self._changed(factory_reset=None)

    def change_network(self, settings: NetworkSettings) -> Appliance:
        if self.machine.network.change:
            raise ConflictError("Another change is on trial.", "Un autre changement est à l’essai.")
        change = NetworkChange(
            id=CHANGE_ID, settings=settings, ends_at=self.clock() + 30, seconds_left=30.0
        )
        return self._network(change=change)

    def confirm_network(self, change_id: str) -> Appliance:
        change = self.machine.network.change
        if change is None or change.id != change_id:
            raise ConflictError("Taken back already.", "C’est déjà revenu.")
        return self._network(change=None, settings=change.settings)

    def take_back_network(self) -> Appliance:
        return self._network(change=None)

    def use_presence_code(self, code: str) -> PresenceMeans:
        if self.is_spent or code != CODE:
            raise ForbiddenError("Not the code.", "Ce n’est pas le code.")
        self.is_spent = not self._is_forgetful
        return PresenceMeans.USB_STICK

    def _network(self, **changes: Any) -> Appliance:
        return self._changed(network=replace(self.machine.network, **changes))

    def _changed(self, **changes: Any) -> Appliance:
        changed = replace(self.machine, **changes)
        self.machine = changed
        return changed


class _Silent:
    def describe(self) -> EngineDescription:
        raise EngineUnavailableError("The engine is loading.", "Le moteur démarre.")


class _Box:
    def describe(self) -> BoxDescription:
        return BOX


def played() -> dict[str, dict[str, object]]:
    """Stand-ins for panels in the browser, by the panel's name: what each gives an app."""
    machines = {
        "ready": replace(MACHINE, disks=[DISK]),
        "writing": MACHINE,
        "waiting": MACHINE,
        "trial": replace(MACHINE, network=replace(MACHINE.network, change=CHANGE)),
        "returned": replace(MACHINE, factory_reset=FactoryReset(ordered_at=NOW, by="Marie")),
        "absent": replace(
            MACHINE,
            is_image=False,
            network=replace(MACHINE.network, refusal=_NO_IMAGE, interfaces=[]),
        ),
    }
    return {
        name: {
            UPDATES: UpdatesStandIn(STATES[name]),
            APPLIANCE: ApplianceStandIn(machine, is_forgetful=True),
            # A page that is opened again may not meet the change of the time before.
            HEAD_STARTS: HeadStart(lambda _after_s, begin: begin()),
            "atre.panel": Sources(_Silent(), _Box(), None),
        }
        for name, machine in machines.items()
    }
