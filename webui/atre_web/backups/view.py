# SPDX-License-Identifier: Apache-2.0
"""The overview of backups as values for its template."""

from dataclasses import dataclass

from atre.ipc.backup_replies import (
    BackupOverview,
    BackupPolicy,
    BackupTarget,
    DrillReport,
    SheetState,
)
from atre.ipc.media_messages import DiskReport, DiskState, Targets, TargetState
from atre.sentence import Sentence
from atre_web.backups.rhythm import BY_HAND_DAYS, DAILY_DAYS
from atre_web.backups.words import Shown, job_shown, next_disk, proof, state_name
from atre_web.panel.wording import gettext, moment, said, size


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One place for backups."""

    id: str
    name: str
    place: str
    state: str
    is_ready: bool
    is_removable: bool
    can_release: bool
    has_backup: bool
    can_thin: bool
    is_full: bool
    reason: str
    facts: tuple[tuple[str, str], ...]
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A disk that is plugged in and is no place yet."""

    id: str
    title: str
    reason: str
    can_add: bool
    confirmation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupsPage:
    """Everything that the template shows."""

    signature: str
    facts: tuple[tuple[str, str], ...]
    bring: str
    problem: str
    ahead: str
    job: Shown | None
    rows: tuple[Row, ...]
    offers: tuple[Offer, ...]
    no_disks: str
    sftp_key: str
    policy: BackupPolicy
    is_restore_pending: bool
    warn_daily: int = DAILY_DAYS
    warn_by_hand: int = BY_HAND_DAYS

    @property
    def is_busy(self) -> bool:
        return self.job is not None and self.job.is_running


def backups_page(overview: BackupOverview, places: Targets) -> BackupsPage:
    """What the page shows of backups at this moment."""
    bring = next_disk(overview)
    problem = Sentence(overview.program_problem, overview.program_problem_fr)
    return BackupsPage(
        signature=signature(overview, places),
        facts=_facts(overview),
        bring=bring.name if bring else "",
        problem=said(problem),
        ahead=_ahead(overview.ahead_until),
        job=job_shown(overview),
        rows=tuple(_row(each) for each in overview.targets),
        offers=tuple(offer(each) for each in places.disks if each.state is not DiskState.IGNORED),
        no_disks=said(places.no_disks) if places.no_disks else "",
        sftp_key=places.sftp_key or "",
        policy=overview.policy,
        is_restore_pending=overview.restore is not None,
    )


def signature(overview: BackupOverview, places: Targets) -> str:
    """Changes when the page must be drawn anew, and not with every figure."""
    job = overview.job
    parts = [str(places.revision), str(overview.sheet), str(overview.restore is not None)]
    parts += [job.id, job.state] if job else []
    parts += [f"{each.id}{each.state}{each.last_checked_at}" for each in overview.targets]
    return "|".join(parts)


def newest_proof(overview: BackupOverview) -> DrillReport | None:
    """The last time that any backup was brought back whole."""
    reports = [each.last_proven for each in overview.targets if each.last_proven]
    return max(reports, key=lambda each: each.ended_at, default=None)


def _facts(overview: BackupOverview) -> tuple[tuple[str, str], ...]:
    made = [each.last_backup_at for each in overview.targets if each.last_backup_at]
    checked = [each.last_checked_at for each in overview.targets if each.last_checked_at]
    sheet = {
        SheetState.NONE: gettext("pas encore imprimée"),
        SheetState.UNCONFIRMED: gettext("jamais retapée : peut-être perdue"),
        SheetState.CONFIRMED: gettext("imprimée et retapée"),
    }[overview.sheet]
    return (
        (gettext("Dernière sauvegarde"), moment(max(made)) if made else gettext("jamais")),
        (gettext("Dernière vérification"), moment(max(checked)) if checked else gettext("jamais")),
        (gettext("Dernière restauration prouvée"), proof(newest_proof(overview))),
        (gettext("Feuille de récupération"), sheet),
        (
            gettext("Prochaine sauvegarde"),
            moment(overview.next_at) if overview.next_at else gettext("aucune n’est prévue"),
        ),
    )


def _ahead(until_s: float | None) -> str:
    if until_s is None:
        return ""
    return gettext(
        "La sauvegarde la plus récente est datée du %(when)s, dans le futur : l’horloge a sauté. "
        "Jusque-là, rien ne se sauvegarde ni ne s’allège tout seul. Vérifiez l’heure du boîtier, "
        "puis sauvegardez et allégez d’ici, à la main.",
        when=moment(until_s),
    )


def _row(target: BackupTarget) -> Row:
    facts = [
        (gettext("Dernière sauvegarde"), moment(target.last_backup_at)),
        (gettext("Restauration prouvée"), proof(target.last_proven)),
    ]
    if target.free_bytes is not None:
        facts.append((gettext("Place libre"), size(target.free_bytes)))
    return Row(
        id=target.id,
        name=target.name,
        place=target.location,
        state=state_name(target.state),
        is_ready=target.is_present,
        is_removable=target.is_removable,
        can_release=target.is_removable and target.state is TargetState.READY,
        has_backup=target.last_backup_at is not None,
        can_thin=target.last_backup_at is not None
        and target.state in {TargetState.READY, TargetState.FULL},
        is_full=target.state is TargetState.FULL,
        reason=said(target.reason) if target.reason else "",
        facts=tuple(facts),
        problem=said(Sentence(target.message, target.message_fr)) if target.message else "",
    )


def offer(disk: DiskReport) -> Offer:
    """A disk that could become a place."""
    return Offer(
        id=disk.id,
        title=f"{disk.label or disk.name} · {size(disk.size_bytes)}",
        reason=said(disk.reason) if disk.reason else "",
        can_add=disk.state is DiskState.OFFERED,
        confirmation=disk.confirmation or "",
    )
