# SPDX-License-Identifier: Apache-2.0
"""The models page as values for its template: who is called what, what may be done with it."""

from dataclasses import dataclass

from babel import Locale
from babel.lists import format_list
from flask_babel import get_locale

from atre.ipc.model_messages import (
    ImportableModel,
    JobKind,
    JobState,
    ModelCatalogue,
    ModelJob,
    ModelLicence,
    ModelListing,
    OfferedModel,
    Openness,
    StoredModel,
)
from atre.sentence import Sentence
from atre_web.models.progress import Shown, change_shown, job_shown, signature
from atre_web.panel.wording import decimal, gettext, percent, said, size

FACTORY = "factory"
# The catalogue names countries in English.
_COUNTRIES = {name: code for code, name in Locale("en").territories.items()}


@dataclass(frozen=True, slots=True)
class Licence:
    """A licence: ``url`` and ``words`` are empty where nobody described it."""

    title: str
    url: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One model of the page; ``facts`` are pairs of a label and a value."""

    name: str
    title: str
    good_for: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    licence: Licence | None = None
    size: str = ""
    is_running: bool = False
    is_stored: bool = True
    can_answer: bool = False
    is_factory: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A download that stopped."""

    model: str
    title: str
    figures: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelsPage:
    """Everything that the template shows."""

    signature: str
    job: Shown | None
    change: Shown | None
    advice: Row | None
    why: str
    stored: tuple[Row, ...]
    offered: tuple[Row, ...]
    unfinished: tuple[Left, ...]
    importable: tuple[ImportableModel, ...]
    importable_sizes: tuple[str, ...]
    free: str
    is_fixed: bool

    @property
    def is_busy(self) -> bool:
        """Whether something is being fetched, copied or read."""
        return self.job is not None and self.job.is_running

    @property
    def is_changing(self) -> bool:
        return self.change is not None and self.change.is_running


def models_page(
    listing: ModelListing,
    catalogue: ModelCatalogue,
    importable: list[ImportableModel],
    running: str,
) -> ModelsPage:
    """What the page shows of the box at this moment."""
    titles = _titles(listing, catalogue)
    _, job, change = live(listing, catalogue, running)
    stored = {model.name for model in listing.stored}
    offered = tuple(
        _offered(model, running, is_stored=model.id in stored) for model in catalogue.models
    )
    advice = catalogue.recommended
    return ModelsPage(
        signature=signature(listing, running),
        job=job,
        change=change,
        advice=next((row for row in offered if advice and row.name == advice.model), None),
        why=said(Sentence(advice.why, advice.why_fr)) if advice else "",
        stored=(_factory(running), *(_stored(model, running) for model in listing.stored)),
        offered=offered,
        unfinished=tuple(
            Left(
                model=left.model,
                title=_title(left.model, titles),
                figures=gettext(
                    "%(done)s sur %(all)s (%(percent)s)",
                    done=size(left.done_bytes),
                    all=size(left.size_bytes),
                    percent=percent(left.done_bytes / max(1, left.size_bytes)),
                ),
            )
            for left in listing.unfinished
        ),
        importable=tuple(importable),
        importable_sizes=tuple(size(model.size_bytes) for model in importable),
        free=size(listing.free_bytes),
        is_fixed=listing.is_fixed,
    )


def live(
    listing: ModelListing, catalogue: ModelCatalogue, running: str
) -> tuple[str, Shown | None, Shown | None]:
    """The signature of the page, and its two moving parts: the job and the change."""
    titles = _titles(listing, catalogue)
    job = _job_to_show(listing)
    change = listing.change
    return (
        signature(listing, running),
        job_shown(job, _title(job.model, titles)) if job else None,
        change_shown(change, _title(change.wanted, titles), _title(change.answering, titles))
        if change
        else None,
    )


def _job_to_show(listing: ModelListing) -> ModelJob | None:
    """The job, unless it ended and what came of it is gone since."""
    job = listing.job
    if job is None or job.state in (JobState.RUNNING, JobState.FAILED):
        return job
    if job.state is JobState.DONE:
        return job if any(model.name == job.model for model in listing.stored) else None
    return job if job.kind is not JobKind.PULL or listing.unfinished else None


def _titles(listing: ModelListing, catalogue: ModelCatalogue) -> dict[str, str]:
    stored = {model.name: model.title for model in listing.stored if model.title}
    offered = {model.id: model.title for model in catalogue.models}
    return {**stored, **offered, FACTORY: gettext("Le modèle d’usine")}


def _title(name: str, titles: dict[str, str]) -> str:
    return titles.get(name, name)


def _factory(running: str) -> Row:
    return Row(
        name=FACTORY,
        title=gettext("Modèle d’usine (démonstration)"),
        good_for=gettext("Il répond aux questions sur le boîtier, et à rien d’autre."),
        licence=Licence("Apache 2.0", "", ""),
        is_running=running == FACTORY,
        can_answer=True,
        is_factory=True,
    )


def _stored(model: StoredModel, running: str) -> Row:
    facts = [
        (gettext("Taille"), size(model.size_bytes)),
        (gettext("Origine"), _origin(model.origin) or _source(model)),
        (gettext("Langues"), _languages(model.languages)),
    ]
    if model.kind == "adapter":
        facts.append((gettext("Adaptateur pour"), model.base))
    return Row(
        name=model.name,
        title=model.title or model.name,
        good_for=_nature(model),
        facts=tuple((label, value) for label, value in facts if value),
        size=size(model.size_bytes),
        is_running=model.name == running,
        can_answer=model.kind == "model",
        licence=_licence(model.licence, model.licence_id),
    )


def _offered(model: OfferedModel, running: str, *, is_stored: bool) -> Row:
    openness = (
        gettext("code source ouvert")
        if model.openness is Openness.SOURCE
        else gettext("poids ouverts")
    )
    facts = [
        (gettext("Mémoire"), size(model.memory_bytes)),
        (gettext("Origine"), _origin(model.origin)),
        (gettext("Langues"), _languages(model.languages)),
        (gettext("Ouverture"), openness),
    ]
    if model.context_tokens:
        facts.append(
            (gettext("Contexte"), gettext("%(n)s jetons", n=decimal(model.context_tokens)))
        )
    return Row(
        name=model.id,
        title=model.title,
        good_for=said(Sentence(model.good_for, model.good_for_fr)),
        facts=tuple(facts),
        size=size(model.size_bytes),
        is_running=model.id == running,
        is_stored=is_stored,
        can_answer=model.kind == "chat",
        licence=_licence(model.licence, ""),
    )


def _licence(licence: ModelLicence | None, licence_id: str) -> Licence:
    if licence is None:
        unknown = gettext("Licence inconnue : demandez à qui vous l’a donné ce qu’elle permet.")
        return Licence(licence_id, "", unknown)
    words = said(Sentence(licence.summary, licence.summary_fr))
    return Licence(licence.title, licence.url, words)


def _source(model: StoredModel) -> str:
    if model.source.startswith("hub:"):
        return model.source.removeprefix("hub:").partition("@")[0]
    return gettext("importé d’un fichier")


def _nature(model: StoredModel) -> str:
    if model.kind == "adapter":
        return gettext("Un adaptateur : au terminal, atre model use l’applique aux réponses.")
    if model.kind == "embedding":
        return gettext("Un modèle de vecteurs : il se donne au démarrage, avec --embedding-model.")
    return ""


def _origin(origin: str) -> str:
    """Who made it and where, the country in the reader's language: "Mistral AI, France"."""
    maker, separator, country = origin.rpartition(", ")
    locale = get_locale()
    codes = [_COUNTRIES.get(name) for name in country.split(" and ")]
    if locale is None:
        return origin
    named = [locale.territories[code] for code in codes if code]
    if len(named) < len(codes):
        return origin
    return f"{maker}{separator}{format_list(named, locale=locale)}"


def _languages(codes: list[str]) -> str:
    """The languages by name, the reader's own first."""
    locale = get_locale()
    if locale is None:
        return ", ".join(codes)
    own_first = sorted(codes, key=lambda code: code != locale.language)
    return ", ".join(locale.languages.get(code, code) for code in own_first)
