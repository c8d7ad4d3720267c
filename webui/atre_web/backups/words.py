# SPDX-License-Identifier: Apache-2.0
"""What a job does and how backups are, in words of the reader's language."""

from dataclasses import dataclass

from atre.ipc.backup_replies import (
    BackupJob,
    BackupOverview,
    BackupTarget,
    DrillReport,
    JobKind,
    JobState,
    Stage,
)
from atre.ipc.media_messages import TargetState
from atre.sentence import Sentence
from atre_web.panel.wording import decimal, duration, gettext, moment, percent, said, size


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A sentence, figures under it, and a bar (0 to 1, None for none or unknown)."""

    sentence: str
    figures: str = ""
    fraction: float | None = None
    is_running: bool = False
    is_problem: bool = False


def job_shown(overview: BackupOverview) -> Shown | None:
    """The job that runs or ran last."""
    job = overview.job
    if job is None:
        return None
    place = next((each.name for each in overview.targets if each.id == job.target), "")
    if job.state is JobState.RUNNING:
        return Shown(
            sentence=_doing(job.kind, place),
            figures=_figures(job),
            fraction=job.fraction,
            is_running=True,
        )
    if job.state is JobState.FAILED:
        why = said(Sentence(job.message, job.message_fr))
        return Shown(sentence=f"{_not_done(job.kind, place)} {why}", is_problem=True)
    if job.state is JobState.CANCELLED:
        return Shown(sentence=gettext("C’est annulé. Ce qui était déjà rangé est intact."))
    return Shown(sentence=_done(job.kind, place))


def proof(report: DrillReport | None) -> str:
    """When a backup was last brought back whole, and how long that took."""
    if report is None:
        return gettext("jamais éprouvée")
    minutes = max(1, round(report.duration_s / 60))
    when = moment(report.ended_at)
    return gettext("le %(when)s, en %(n)s min", when=when, n=decimal(minutes))


def state_name(state: TargetState) -> str:
    """Whether a place can be used now, in two words."""
    return {
        TargetState.READY: gettext("prêt"),
        TargetState.IN_USE: gettext("en cours d’écriture"),
        TargetState.RELEASED: gettext("peut être débranché"),
        TargetState.ABSENT: gettext("absent"),
        TargetState.PULLED: gettext("débranché trop tôt"),
        TargetState.FULL: gettext("plein"),
    }.get(state, gettext("inutilisable"))


def next_disk(overview: BackupOverview) -> BackupTarget | None:
    """Of two disks or more, the one to bring: the one that waited longest, None if it is there."""
    disks = [each for each in overview.targets if each.is_removable]
    if len(disks) < 2:  # noqa: PLR2004 -- one disk does not take turns
        return None
    oldest = min(disks, key=lambda each: each.last_backup_at or 0.0)
    return None if oldest.is_present else oldest


def _doing(kind: JobKind, place: str) -> str:
    return {
        JobKind.BACKUP: gettext("Une sauvegarde se fait sur %(place)s", place=place),
        JobKind.VERIFY: gettext("Les sauvegardes de %(place)s sont relues", place=place),
        JobKind.DRILL: gettext(
            "Une sauvegarde de %(place)s est restaurée à côté, pour la prouver", place=place
        ),
        JobKind.THIN: gettext("Les plus vieilles sauvegardes de %(place)s s’en vont", place=place),
        JobKind.RESTORE: gettext("La sauvegarde est récupérée de %(place)s", place=place),
    }[kind]


def _done(kind: JobKind, place: str) -> str:
    return {
        JobKind.BACKUP: gettext("Sauvegarde faite et vérifiée sur %(place)s.", place=place),
        JobKind.VERIFY: gettext("Les sauvegardes de %(place)s sont en ordre.", place=place),
        JobKind.DRILL: gettext("La sauvegarde de %(place)s est entière : prouvé.", place=place),
        JobKind.THIN: gettext("Les sauvegardes de %(place)s sont allégées.", place=place),
        JobKind.RESTORE: gettext("La sauvegarde est là, entière. Rien n’a encore changé."),
    }[kind]


def _not_done(kind: JobKind, place: str) -> str:
    return {
        JobKind.BACKUP: gettext("La sauvegarde sur %(place)s n’est pas faite.", place=place),
        JobKind.VERIFY: gettext("%(place)s n’est pas en ordre.", place=place),
        JobKind.DRILL: gettext("La sauvegarde de %(place)s n’est pas prouvée.", place=place),
        JobKind.THIN: gettext("Les sauvegardes de %(place)s ne sont pas allégées.", place=place),
        JobKind.RESTORE: gettext("Rien n’a été restauré."),
    }[kind]


def _figures(job: BackupJob) -> str:
    figures = [
        {
            Stage.PREPARING: gettext("préparation"),
            Stage.STORING: gettext("rangement"),
            Stage.THINNING: gettext("les plus vieilles s’en vont"),
            Stage.CHECKING: gettext("vérification"),
            Stage.FETCHING: gettext("lecture"),
            Stage.PROVING: gettext("comparaison"),
        }[job.stage]
    ]
    if job.fraction is not None:
        figures.append(percent(job.fraction))
    if job.size_bytes:
        done, all_ = size(job.done_bytes), size(job.size_bytes)
        figures.append(gettext("%(done)s sur %(all)s", done=done, all=all_))
    if job.left_s is not None:
        figures.append(gettext("encore %(time)s", time=duration(job.left_s)))
    return " · ".join(figures)
