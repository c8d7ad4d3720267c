# SPDX-License-Identifier: Apache-2.0
"""The traffic light: what of the box needs a person, the most urgent first. Pure decisions.

``finding_words`` says it; nothing else in the panel decides whether all is well.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from atre.ipc.appliance_messages import Appliance, DiskFinding
from atre.ipc.backup_replies import BackupOverview, BackupTarget, SheetState
from atre.ipc.media_messages import TargetState
from atre.ipc.messages import BoxDescription, DiscoveryState, EngineDescription
from atre.ipc.power_messages import Supply, UpsReport
from atre.ipc.update_replies import UpdateOverview
from atre.sentence import NOTHING, Sentence
from atre.space.level import SpaceLevel
from atre.system.clock import Clock, is_far_ahead, is_unset
from atre_web.backups.rhythm import warn_after_days

Level = Literal["urgent", "attention", "advice"]
LEVELS: tuple[Level, ...] = ("urgent", "attention", "advice")

Code = Literal[
    "engine_down",
    "box_down",
    "data_closed",
    "reset_pending",
    "disk_failing",
    "ups_ending",
    "ups_battery",
    "disk_full",
    "disk_critical",
    "clock_unset",
    "clock_back",
    "clock_ahead",
    "transfer",
    "certificate_ended",
    "plain_http",
    "model_issue",
    "embedder_down",
    "ups_silent",
    "ups_replace",
    "box_issue",
    "notice",
    "presence_code",
    "update_rolled_back",
    "update_security",
    "disk_wear",
    "disk_low",
    "discovery_unavailable",
    "unclaimed",
    "discovery_off",
    "factory_model",
    "restore_pending",
    "backup_problem",
    "backup_pulled",
    "backup_full",
    "backup_never",
    "backup_old",
    "backup_sheet",
    "backup_unproven",
    "update_ready",
    "invitations",
    "alone",
]

_DISK: dict[SpaceLevel | None, tuple[Code, Level]] = {
    SpaceLevel.FULL: ("disk_full", "urgent"),
    SpaceLevel.CRITICAL: ("disk_critical", "urgent"),
    SpaceLevel.LOW: ("disk_low", "attention"),
}
_DAY_S = 24 * 3600.0
_TARGET: dict[TargetState, Code] = {
    TargetState.PULLED: "backup_pulled",
    TargetState.FULL: "backup_full",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the light is made of; None where nobody can say. Times are Unix seconds.

    ``latest_known`` is the latest moment that the database knows of; ``is_transfer`` says that a
    code makes the box somebody else's.
    """

    engine: EngineDescription | None
    engine_problem: Sentence
    embedder_problem: Sentence
    box: BoxDescription | None
    is_factory: bool
    free_bytes: int | None
    space: SpaceLevel | None
    now: float
    latest_known: float | None
    is_claimed: bool
    num_people: int
    num_invitations: int
    is_clock_synchronised: bool = False
    is_transfer: bool = False
    ups: UpsReport | None = None
    backups: BackupOverview | None = None
    updates: UpdateOverview | None = None
    machine: Appliance | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing. ``en`` and ``fr`` are words of the process that noticed, or empty."""

    code: Code
    level: Level
    en: str = ""
    fr: str = ""
    values: dict[str, float] = field(default_factory=dict)


def findings(facts: Facts) -> list[Finding]:
    """Everything worth a look, the most urgent first; empty when all is well."""
    found = [
        *_engine(facts),
        *_box(facts),
        *_ups(facts),
        *_machine(facts),
        *_appliance(facts),
        *_updates(facts),
        *_backups(facts),
        *_people(facts),
    ]
    return sorted(found, key=lambda each: LEVELS.index(each.level))


def light(found: list[Finding]) -> Level | None:
    """The light for these findings: None, green, where there is nothing but advice."""
    worst = min((LEVELS.index(each.level) for each in found), default=len(LEVELS))
    return None if worst >= LEVELS.index("advice") else LEVELS[worst]


def _engine(facts: Facts) -> Iterator[Finding]:
    engine = facts.engine
    if engine is None:
        problem = facts.engine_problem
        yield Finding("engine_down", "urgent", problem.text, problem.text_fr)
    else:
        for en, fr in _pairs(engine.issues, engine.issues_fr):
            yield Finding("model_issue", "attention", en, fr)
    if facts.embedder_problem != NOTHING:
        problem = facts.embedder_problem
        yield Finding("embedder_down", "attention", problem.text, problem.text_fr)
    if facts.is_factory:
        yield Finding("factory_model", "advice")


def _box(facts: Facts) -> Iterator[Finding]:
    box = facts.box
    if box is None:
        yield Finding("box_down", "urgent")
        return
    of_disks = {each.sentence.text for each in _of_disks(facts.machine)}
    for en, fr in _pairs(box.issues, box.issues_fr):
        if en not in of_disks:  # they are said below, with how urgent they are
            yield Finding("box_issue", "attention", en, fr)
    if box.certificate_ends_at is not None and box.certificate_ends_at <= facts.now:
        yield Finding("certificate_ended", "urgent")
    for notice in box.notices:
        yield Finding("notice", "attention", notice.text, notice.text_fr)
    if box.plain_http_api and box.http_port:
        yield Finding("plain_http", "attention", values={"port": box.http_port})
    if box.lan_port is not None:
        yield from _discovery(box)


def _discovery(box: BoxDescription) -> Iterator[Finding]:
    if not box.is_discovery_wanted:
        yield Finding("discovery_off", "advice")
    elif box.discovery is DiscoveryState.UNAVAILABLE:
        yield Finding("discovery_unavailable", "attention", box.detail, box.detail_fr)


def _ups(facts: Facts) -> Iterator[Finding]:
    ups = facts.ups
    if ups is None:
        return
    if ups.supply is Supply.ENDING:
        yield Finding("ups_ending", "urgent")
    elif ups.supply is Supply.BATTERY:
        yield Finding("ups_battery", "urgent")
    if ups.problem is not None:
        yield Finding("ups_silent", "attention", ups.problem.text, ups.problem.text_fr)
    if ups.needs_battery:
        yield Finding("ups_replace", "attention")


def _machine(facts: Facts) -> Iterator[Finding]:
    if facts.space in _DISK:
        code, level = _DISK[facts.space]
        yield Finding(code, level, values={"free_bytes": facts.free_bytes or 0})
    yield from _clock(facts)


def _clock(facts: Facts) -> Iterator[Finding]:
    clock = Clock(facts.now, facts.is_clock_synchronised)
    if is_unset(clock):
        yield Finding("clock_unset", "urgent")
    elif is_far_ahead(clock):
        yield Finding("clock_ahead", "urgent", values={"now": facts.now})
    elif facts.is_clock_synchronised:
        return  # what the box knows of later came from a clock that was wrong
    elif facts.latest_known is not None and facts.latest_known > facts.now + _DAY_S:
        yield Finding("clock_back", "urgent", values={"latest": facts.latest_known})


def _appliance(facts: Facts) -> Iterator[Finding]:
    found = facts.machine
    if found is None:
        return
    if found.data_problem is not None:
        yield Finding("data_closed", "urgent", found.data_problem.text, found.data_problem.text_fr)
    if found.factory_reset is not None:
        by = found.factory_reset.by
        yield Finding("reset_pending", "urgent", by, by, {"at": found.factory_reset.ordered_at})
    if found.presence is not None:
        yield Finding("presence_code", "attention", values={"at": found.presence.ends_at})
    for each in _of_disks(found):
        code: Code = "disk_failing" if each.is_urgent else "disk_wear"
        level: Level = "urgent" if each.is_urgent else "attention"
        yield Finding(code, level, each.sentence.text, each.sentence.text_fr)


def _of_disks(machine: Appliance | None) -> list[DiskFinding]:
    return [each for disk in machine.disks for each in disk.findings] if machine else []


def _updates(facts: Facts) -> Iterator[Finding]:
    found = facts.updates
    if found is None or not facts.is_claimed:
        return
    if found.last_return is not None and not found.last_return.was_asked:
        version, reason = found.last_return.version, found.last_return.reason
        yield Finding(
            "update_rolled_back",
            "attention",
            f"{version} · {reason.text}",
            f"{version} · {reason.text_fr or reason.text}",
        )
    offer = found.offer
    if offer is not None and offer.release is not None and offer.refusal is None:
        version = offer.release.version
        if offer.release.is_security:
            yield Finding("update_security", "attention", version, version)
        else:
            yield Finding("update_ready", "advice", version, version)


def _backups(facts: Facts) -> Iterator[Finding]:
    found = facts.backups
    if found is None or not facts.is_claimed:
        return
    if found.restore is not None:
        yield Finding("restore_pending", "attention")
    for each in found.targets:
        yield from _target(each)
    made = [each.last_backup_at for each in found.targets if each.last_backup_at is not None]
    if not made:
        yield Finding("backup_never", "attention")
        return
    if facts.now - max(made) > warn_after_days(found.policy) * _DAY_S:
        yield Finding("backup_old", "attention", values={"at": max(made)})
    if found.sheet is not SheetState.CONFIRMED:
        yield Finding("backup_sheet", "attention")
    if not any(each.last_proven for each in found.targets):
        yield Finding("backup_unproven", "attention")


def _target(target: BackupTarget) -> Iterator[Finding]:
    if target.state in _TARGET:
        yield Finding(_TARGET[target.state], "attention", target.name, target.name)
    elif target.problem:
        yield Finding("backup_problem", "attention", target.message, target.message_fr)


def _people(facts: Facts) -> Iterator[Finding]:
    if not facts.is_claimed:
        yield Finding("unclaimed", "attention")
        return
    if facts.is_transfer:
        yield Finding("transfer", "attention")
    if facts.num_invitations:
        yield Finding("invitations", "advice", values={"num": facts.num_invitations})
    elif facts.num_people <= 1:
        yield Finding("alone", "advice")


def _pairs(english: list[str], french: list[str]) -> list[tuple[str, str]]:
    """An issue without French is better read in English than not at all."""
    is_whole = len(english) == len(french)
    return list(zip(english, french if is_whole else english, strict=True))
