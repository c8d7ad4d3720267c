# SPDX-License-Identifier: Apache-2.0
"""What is being done about models, in words of the reader's language."""

from dataclasses import dataclass

from atre.ipc.model_messages import (
    JobKind,
    JobState,
    ModelChangeReport,
    ModelJob,
    ModelListing,
    Phase,
)
from atre.sentence import Sentence
from atre_web.models.problems import problem_words
from atre_web.panel.wording import decimal, duration, gettext, ngettext, percent, quoted, size


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A sentence, figures under it, and a bar (0 to 1, None for none or unknown).

    ``detail`` is what the daemon said, a job's in English; empty where there is nothing to add.
    """

    sentence: str
    figures: str = ""
    fraction: float | None = None
    detail: str = ""
    is_running: bool = False
    is_problem: bool = False


def job_shown(job: ModelJob, title: str) -> Shown:
    """The job that runs or ran last; ``title`` is how people call its model."""
    if job.state is JobState.RUNNING:
        return Shown(
            sentence=_doing(job.kind, title),
            figures=_figures(job),
            fraction=job.done_bytes / job.size_bytes if job.size_bytes else None,
            is_running=True,
        )
    if job.state is JobState.FAILED:
        return Shown(
            sentence=f"{_not_done(job.kind, title)} {problem_words(job.problem, title)}",
            detail=quoted(Sentence(job.message, "")) if job.message else "",
            is_problem=True,
        )
    words = _done if job.state is JobState.DONE else _cancelled
    return Shown(sentence=words(job.kind, title))


def change_shown(change: ModelChangeReport, title: str, before: str) -> Shown | None:
    """The change of the running model, None once it succeeded: the list says so then.

    ``title`` and ``before`` are what the wanted model and the answering one are called.
    """
    if change.phase is Phase.DONE:
        return None
    if change.phase is Phase.FAILED:
        detail = quoted(Sentence(change.reason, change.reason_fr))
        return Shown(sentence=_failed(change, title, before), detail=detail, is_problem=True)
    return Shown(sentence=_changing(change, title), is_running=True)


def signature(listing: ModelListing, running: str) -> str:
    """Changes when the page must be drawn anew, and not with every figure."""
    job, change = listing.job, listing.change
    parts = [running, listing.chosen]
    parts += [model.name for model in listing.stored]
    parts += [left.model for left in listing.unfinished]
    parts += [job.id, job.state, job.model, str(job.size_bytes > 0)] if job else []
    parts += [change.wanted, change.phase] if change else []
    return "|".join(parts)


def _doing(kind: JobKind, title: str) -> str:
    if kind is JobKind.PULL:
        return gettext("%(model)s se télécharge", model=title)
    if kind is JobKind.IMPORT:
        return gettext("%(model)s est copié", model=title)
    return gettext("%(model)s est vérifié", model=title)


def _done(kind: JobKind, title: str) -> str:
    if kind is JobKind.VERIFY:
        return gettext("%(model)s est intact.", model=title)
    return gettext("%(model)s est installé et vérifié.", model=title)


def _cancelled(kind: JobKind, title: str) -> str:
    if kind is JobKind.PULL:
        return gettext(
            "Le téléchargement de %(model)s est annulé ; ce qui est arrivé est gardé.", model=title
        )
    return gettext("C’est annulé pour %(model)s.", model=title)


def _not_done(kind: JobKind, title: str) -> str:
    if kind is JobKind.VERIFY:
        return gettext("%(model)s n’est pas en ordre.", model=title)
    return gettext("%(model)s n’est pas installé.", model=title)


def _figures(job: ModelJob) -> str:
    if not job.size_bytes:
        return gettext("Préparation…")
    figures = [
        percent(job.done_bytes / job.size_bytes),
        gettext("%(done)s sur %(all)s", done=size(job.done_bytes), all=size(job.size_bytes)),
    ]
    if job.rate_bytes_s > 0:
        figures.append(gettext("%(size)s par seconde", size=size(job.rate_bytes_s)))
    if job.left_s is not None:
        figures.append(gettext("encore %(time)s", time=duration(job.left_s)))
    return " · ".join(figures)


def _changing(change: ModelChangeReport, title: str) -> str:
    if change.phase is Phase.DRAINING and change.num_open:
        return ngettext(
            "La réponse en cours se termine ; ensuite, %(model)s prend la place.",
            "Les %(n)s réponses en cours se terminent ; ensuite, %(model)s prend la place.",
            change.num_open,
            n=decimal(change.num_open),
            model=title,
        )
    if change.phase is Phase.DRAINING:
        return gettext("Les réponses en cours se terminent…")
    if change.phase is Phase.LOADING:
        return gettext("%(model)s se charge…", model=title)
    if change.phase is Phase.TRYING:
        return gettext("%(model)s est chargé ; il écrit son premier mot…", model=title)
    return gettext("%(model)s ne convient pas ; le modèle d’avant revient…", model=title)


def _failed(change: ModelChangeReport, title: str, before: str) -> str:
    if change.failed_at is Phase.TRYING:
        return gettext(
            "%(model)s s’est chargé mais n’a rien écrit ; %(before)s répond de nouveau.",
            model=title,
            before=before,
        )
    if change.failed_at is Phase.LOADING:
        return gettext(
            "%(model)s n’a pas pu être chargé ; %(before)s répond de nouveau.",
            model=title,
            before=before,
        )
    return gettext("%(model)s n’a pas été pris.", model=title)
