# SPDX-License-Identifier: Apache-2.0
"""The page of updates as values for its template."""

from dataclasses import dataclass

from atre.ipc.backup_replies import BackupOverview
from atre.ipc.media_messages import Targets
from atre.ipc.update_messages import SourceKind
from atre.ipc.update_replies import (
    Check,
    GoBackReport,
    Offer,
    ReturnReport,
    SlotReport,
    TrialReport,
    UpdateOverview,
    UpdatePolicy,
)
from atre_web.panel.wording import date, gettext, moment, said, size
from atre_web.updates.words import Shown, check_name, job_shown, slot_state

# A log's end is what tells; the rest of it would only make the page long.
_MOST_LOG_CHARS = 20_000
_MOST_CHANGES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferShown:
    """A version that was found; ``source`` and ``location`` go back with the button."""

    version: str
    source: str
    location: str
    facts: tuple[tuple[str, str], ...]
    changes: tuple[str, ...]
    is_security: bool
    refusal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialShown:
    """A version that must still show that it works."""

    version: str
    until: str
    checks: tuple[tuple[str, bool], ...]
    waits_for: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnShown:
    """Why an earlier version runs again, and the end of the log of the one that was left."""

    title: str
    reason: str
    failed: str
    log: str
    is_problem: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BackShown:
    """The version that can be had back, until when, and what would be set aside."""

    version: str
    until: str
    loses: str
    refusal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdatesPage:
    """Everything that the template shows."""

    version: str
    absence: str
    slots: tuple[tuple[str, str], ...]
    job: Shown | None
    offer: OfferShown | None
    found_nothing: str
    trial: TrialShown | None
    last_return: ReturnShown | None
    back: BackShown | None
    policy: UpdatePolicy
    channel_host: str
    targets: tuple[tuple[str, str], ...]
    sticks: str

    @property
    def asks(self) -> bool:
        """Whether somebody let the box ask its channel."""
        return self.policy.asks_channel and bool(self.channel_host)

    @property
    def is_busy(self) -> bool:
        return self.job is not None and self.job.is_running

    @property
    def can_begin(self) -> bool:
        """Whether anything new may be put in: not before the version on trial is kept."""
        return not self.absence and not self.is_busy and self.trial is None

    @property
    def moves(self) -> bool:
        """Whether the page must be looked at again soon."""
        return self.is_busy or self.trial is not None


def updates_page(
    overview: UpdateOverview, backups: BackupOverview | None, places: Targets | None
) -> UpdatesPage:
    """What the page shows of updates at this moment."""
    offer = overview.offer
    has_nothing = offer is not None and offer.release is None
    return UpdatesPage(
        version=overview.version,
        absence=said(overview.absence) if overview.absence else "",
        slots=tuple(_slot(each) for each in overview.slots),
        job=job_shown(overview.job),
        offer=_offer(offer) if offer else None,
        found_nothing=moment(offer.found_at) if offer and has_nothing else "",
        trial=_trial(overview.trial) if overview.trial else None,
        last_return=_return(overview.last_return) if overview.last_return else None,
        back=_back(overview.go_back) if overview.go_back else None,
        policy=overview.policy,
        channel_host=overview.channel_host,
        targets=_targets(overview.policy, backups),
        sticks=", ".join(each.label or each.name for each in places.disks) if places else "",
    )


def signature(overview: UpdateOverview) -> str:
    """Changes when the page must be drawn anew, and not with every figure."""
    job, offer, trial = overview.job, overview.offer, overview.trial
    parts: list[object] = [overview.version, overview.absence, overview.policy]
    parts += [f"{each.name}{each.version}{each.state}{each.is_running}" for each in overview.slots]
    parts += [job.id, job.state, job.stage, job.problem] if job else [None]
    parts += [offer.source, offer.location, offer.found_at] if offer else [None]
    parts += [trial.version, trial.passed, trial.waits_for] if trial else [None]
    parts += [overview.last_return and overview.last_return.at, overview.go_back]
    return "|".join(map(str, parts))


def is_offered(overview: UpdateOverview, version: str, source: str, location: str) -> bool:
    """Whether this is still what was found, and may be put in."""
    offer = overview.offer
    return (
        offer is not None
        and offer.release is not None
        and offer.refusal is None
        and (offer.release.version, offer.source, offer.location) == (version, source, location)
    )


def _slot(slot: SlotReport) -> tuple[str, str]:
    """A place and what is in it."""
    name = gettext("Emplacement %(name)s", name=slot.name.upper())
    parts = [slot.version, slot_state(slot.state)] if slot.version else [slot_state(slot.state)]
    if slot.is_running:
        parts.append(gettext("en marche"))
    at = slot.confirmed_at or slot.installed_at
    if at is not None:
        parts.append(gettext("depuis le %(when)s", when=moment(at)))
    return name, " · ".join(parts)


def _offer(offer: Offer) -> OfferShown | None:
    release = offer.release
    if release is None:
        return None
    facts = [(gettext("Trouvée"), _place(offer))]
    if release.size_bytes:
        facts.append((gettext("Taille"), size(release.size_bytes)))
    if release.made_at is not None:
        facts.append((gettext("Publiée"), date(release.made_at)))
    if release.channel:
        facts.append((gettext("Canal"), release.channel))
    return OfferShown(
        version=release.version,
        source=offer.source,
        location=offer.location,
        facts=tuple(facts),
        changes=tuple(said(each) for each in release.changes[:_MOST_CHANGES]),
        is_security=release.is_security,
        refusal=said(offer.refusal) if offer.refusal else "",
    )


def _place(offer: Offer) -> str:
    when = moment(offer.found_at)
    if offer.source == SourceKind.USB:
        return gettext("sur un disque USB, le %(when)s", when=when)
    if offer.source == SourceKind.FILE:
        return gettext("dans le fichier envoyé, le %(when)s", when=when)
    if offer.source == SourceKind.CHANNEL:
        return gettext("sur le canal, le %(when)s", when=when)
    return gettext("à %(where)s, le %(when)s", where=offer.location, when=when)


def _trial(trial: TrialReport) -> TrialShown:
    return TrialShown(
        version=trial.version,
        until=moment(trial.deadline_at),
        checks=tuple((check_name(each), each in trial.passed) for each in Check),
        waits_for=said(trial.waits_for) if trial.waits_for else "",
    )


def _return(found: ReturnReport) -> ReturnShown:
    versions = {
        "version": found.version,
        "before": found.back_to,
        "when": moment(found.at),
    }
    title = (
        gettext("Revenu de %(version)s à %(before)s, à votre demande, le %(when)s", **versions)
        if found.was_asked
        else gettext("Revenu de lui-même de %(version)s à %(before)s, le %(when)s", **versions)
    )
    return ReturnShown(
        title=title,
        reason=said(found.reason),
        failed=check_name(found.failed) if found.failed else "",
        log=found.log[-_MOST_LOG_CHARS:],
        is_problem=not found.was_asked,
    )


def _back(found: GoBackReport) -> BackShown:
    return BackShown(
        version=found.version,
        until=date(found.until) if found.until is not None else "",
        loses=moment(found.loses_since) if found.loses_since is not None else "",
        refusal=said(found.refusal) if found.refusal else "",
    )


def _targets(policy: UpdatePolicy, backups: BackupOverview | None) -> tuple[tuple[str, str], ...]:
    """Where the backup before an update may go; one that is chosen and gone stays in the list."""
    known = [(each.id, each.name) for each in backups.targets] if backups else []
    chosen = policy.backup_target
    if chosen is not None and chosen not in {id_ for id_, _ in known}:
        known.append((chosen, chosen))
    return tuple(known)
