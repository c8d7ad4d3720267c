# SPDX-License-Identifier: Apache-2.0
"""Stages, states and checks of an update, in words of the reader's language."""

from dataclasses import dataclass

from atre.ipc.backup_replies import JobState
from atre.ipc.update_replies import Check, SlotState, UpdateJob, UpdateStage
from atre_web.panel.wording import gettext, moment, percent, said, size

# Once a slot is being written nobody can call the job off.
_PAST_RETURN = frozenset({UpdateStage.WRITING, UpdateStage.DRAINING, UpdateStage.RESTARTING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A sentence, figures under it, and a bar (0 to 1, None for none or unknown).

    ``id`` is the job's, which a button that ends or hastens it sends back.
    """

    id: str
    sentence: str
    figures: str = ""
    fraction: float | None = None
    is_running: bool = False
    is_problem: bool = False
    can_cancel: bool = False
    can_restart: bool = False
    is_restarting: bool = False


def job_shown(job: UpdateJob | None) -> Shown | None:
    """The job that runs or ran last; None for one that ended as it should, which the page shows."""
    if job is None:
        return None
    if job.state is JobState.RUNNING:
        return Shown(
            id=job.id,
            sentence=_doing(job),
            figures=_figures(job),
            fraction=job.fraction,
            is_running=True,
            can_cancel=job.stage not in _PAST_RETURN,
            can_restart=job.stage is UpdateStage.WAITING,
            is_restarting=job.stage is UpdateStage.RESTARTING,
        )
    if job.state is JobState.FAILED:
        why = said(job.message) if job.message else ""
        return Shown(id=job.id, sentence=f"{_not_done(job)} {why}".strip(), is_problem=True)
    if job.state is JobState.CANCELLED:
        return Shown(id=job.id, sentence=gettext("C’est annulé. Le boîtier reste comme il est."))
    return None


def slot_state(state: SlotState) -> str:
    """What the box thinks of a version."""
    return {
        SlotState.CONFIRMED: gettext("confirmée"),
        SlotState.ON_TRIAL: gettext("à l’essai"),
        SlotState.READY: gettext("prête, démarre au prochain redémarrage"),
        SlotState.FAILED: gettext("n’a pas tenu"),
        SlotState.EMPTY: gettext("vide"),
    }[state]


def check_name(check: Check) -> str:
    """What a version on trial must show, as one of a list."""
    return {
        Check.DATA: gettext("les données sont là"),
        Check.SERVICES: gettext("les services sont prêts"),
        Check.PANEL: gettext("le panneau répond"),
        Check.TOKEN: gettext("le modèle a écrit un mot"),
        Check.NAME: gettext("le boîtier se trouve par son nom"),
    }[check]


def _doing(job: UpdateJob) -> str:
    version = (
        gettext("La version %(version)s", version=job.version)
        if job.version
        else gettext("La mise à jour")
    )
    return {
        UpdateStage.LOOKING: gettext("Le boîtier cherche une nouvelle version"),
        UpdateStage.FETCHING: gettext("%(version)s se télécharge", version=version),
        UpdateStage.CHECKING: gettext("La signature est vérifiée"),
        UpdateStage.BACKING_UP: gettext("Une sauvegarde se fait avant la mise à jour"),
        UpdateStage.WRITING: gettext(
            "%(version)s s’écrit à côté de la version qui marche", version=version
        ),
        UpdateStage.WAITING: gettext("%(version)s est prête et attend son heure", version=version),
        UpdateStage.DRAINING: gettext("Les réponses en cours se terminent"),
        UpdateStage.RESTARTING: gettext("Le boîtier redémarre"),
    }[job.stage]


def _not_done(job: UpdateJob) -> str:
    if job.is_install:
        return gettext("La mise à jour n’est pas faite ; le boîtier reste comme il était.")
    return gettext("Le boîtier n’a pas pu chercher.")


def _figures(job: UpdateJob) -> str:
    figures = []
    if job.fraction is not None:
        figures.append(percent(job.fraction))
    if job.size_bytes and job.fraction is not None:
        done, all_ = size(job.done_bytes), size(job.size_bytes)
        figures.append(gettext("%(done)s sur %(all)s", done=done, all=all_))
    if job.restart_at is not None:
        figures.append(gettext("redémarrage le %(when)s", when=moment(job.restart_at)))
    return " · ".join(figures)
