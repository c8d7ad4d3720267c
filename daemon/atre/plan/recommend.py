# SPDX-License-Identifier: Apache-2.0
"""Which model of the catalogue suits this machine, and why; a pure decision."""

from collections.abc import Iterator
from typing import Literal

import msgspec
from msgspec.structs import replace

from atre.hardware.machine import DeviceType, GgmlDevice, Machine
from atre.hardware.profiles import Profile
from atre.hardware.usage import best_gpu
from atre.models.catalogue import Catalogue, CatalogueModel
from atre.plan.race.candidates import PROCESSOR
from atre.plan.speed.bandwidth import Bandwidth, known_bandwidth
from atre.plan.speed.efficiency import Kind
from atre.plan.speed.estimate import Reading, Sample, estimate
from atre.plan.speed.record import Known
from atre.sentence import counted
from atre.space.words import in_words
from atre.speed_figure import SpeedBasis, SpeedFigure

_GB = 10**9
# The operating system and the box's other processes.
_SYSTEM_BYTES = 1_500_000_000
# Context and buffers before the header is known; the plan at the start computes them exactly.
_CONTEXT_SHARE = 0.2
_MIN_CONTEXT_BYTES = 750_000_000
# Reading speed: slower than this, people wait for every word.
_WANTED_TOKENS_S = 8
# The share of the memory's bandwidth that decoding reached on the processors we have figures for
# (Raspberry Pi 5 0.58, N150 0.71), on the low side. It chooses; what is shown is a range.
_BANDWIDTH_SHARE = 0.6
# One channel of DDR4-3200, what the smallest machines have: assumed where nothing is known.
_CAUTIOUS_GB_S = 25.6


# A model with so much of another's parameters can take its place.
_EQUAL_SHARE = 0.75
_NOTHING_KNOWN = Known()
_ModelKind = Literal["chat", "embedding"]


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A model that comes before the recommended one, and why it is not it."""

    id: str
    why: str
    why_fr: str


class Recommendation(msgspec.Struct, frozen=True, kw_only=True):
    """The model to get, what it needs, how fast it is, and why it was chosen.

    ``tokens_s`` is what the choice counted on for one reader, None on a graphics card, which is
    taken to be fast enough; ``speed`` is what is known.
    """

    model: CatalogueModel
    memory_bytes: int
    tokens_s: float | None
    speed: SpeedFigure
    why: str
    why_fr: str
    refused: tuple[Refusal, ...]


class _Place(msgspec.Struct, frozen=True, kw_only=True):
    """Memory that a model could take, in bytes, and how fast it is read; None is unknown."""

    room_bytes: int | None
    bandwidth: Bandwidth | None
    kind: Kind
    device: str
    cache_bytes: int | None
    samples: tuple[Sample, ...]

    @property
    def is_card(self) -> bool:
        return self.kind == "card"


def recommend(
    machine: Machine,
    profile: Profile,
    catalogue: Catalogue,
    *,
    kind: _ModelKind = "chat",
    language: str = "fr",
    known: Known = _NOTHING_KNOWN,
) -> Recommendation | None:
    """What the profile names for such machines, else what the catalogue has.

    Of the profile's models it is the first that fits: somebody chose them for this class of
    machines. Of the others it is the first that fits and is fast enough; if none is, the fastest
    that fits, and the reason says so. All speak the language. One of the catalogue's with
    unverified facts gives way to one about as large without. None if none fits.
    """
    found = _best(machine, profile, catalogue, kind, language, known)
    if found is None or not found.model.unverified or found.model.id in profile.models:
        return found
    verified = replace(
        catalogue, models=tuple(model for model in catalogue.models if not model.unverified)
    )
    other = _best(machine, profile, verified, kind, language, known)
    if other is None or other.model.parameters_b < _EQUAL_SHARE * found.model.parameters_b:
        return found
    doubt = Refusal(
        id=found.model.id,
        why=f"{found.model.title} has facts in the catalogue that nothing public confirmed.",
        why_fr=f"{found.model.title} a dans le catalogue des données que rien de public ne "
        "confirme.",
    )
    return replace(other, refused=(*other.refused, doubt))


def _best(
    machine: Machine,
    profile: Profile,
    catalogue: Catalogue,
    kind: _ModelKind,
    language: str,
    known: Known,
) -> Recommendation | None:
    search = _Search(tuple(_places(machine, profile, known)), kind, language)
    by_id = {model.id: model for model in catalogue.models}
    named = [by_id[name] for name in profile.models if name in by_id]
    for model in named:
        place = search.place_for(model)
        if place is not None:
            return _recommendation(model, place, search.refused, named_by=profile)
    slow: list[tuple[float, CatalogueModel, _Place]] = []
    for model in catalogue.models:
        place = None if model in named else search.place_for(model)
        if place is None:
            continue
        tokens_s = _tokens_s(model, place)
        if tokens_s is None or tokens_s >= _WANTED_TOKENS_S or kind == "embedding":
            return _recommendation(model, place, search.refused)
        slow.append((tokens_s, model, place))
        search.refuse(
            model,
            f"would write about {counted(round(tokens_s), 'token', 'tokens')} a second",
            f"écrirait environ {counted(round(tokens_s), 'jeton', 'jetons', french=True)} par "
            "seconde",
        )
    if not slow:
        return None
    _, model, place = max(slow, key=lambda found: found[0])
    others = [refusal for refusal in search.refused if refusal.id != model.id]
    return _recommendation(model, place, others)


class _Search:
    """Where a model fits, and why others were passed over."""

    def __init__(self, places: tuple[_Place, ...], kind: str, language: str) -> None:
        self._places = places
        self._kind = kind
        self._language = language
        self.refused: list[Refusal] = []

    def place_for(self, model: CatalogueModel) -> _Place | None:
        if model.kind != self._kind:
            return None
        if self._language not in model.languages:
            language = self._language
            self.refuse(model, f"does not speak {language!r}", f"ne parle pas « {language} »")
            return None
        place = next((each for each in self._places if _fits(model, each)), None)
        if place is None:
            needs, needs_fr = _both(memory_bytes(model))
            self.refuse(model, f"needs {needs}", f"demande {needs_fr}")
        return place

    def refuse(self, model: CatalogueModel, why: str, why_fr: str) -> None:
        self.refused.append(
            Refusal(id=model.id, why=f"{model.title} {why}.", why_fr=f"{model.title} {why_fr}.")
        )


def memory_bytes(model: CatalogueModel) -> int:
    """What a model takes with a context for a few people, estimated without its header."""
    context_bytes = max(_MIN_CONTEXT_BYTES, round(_CONTEXT_SHARE * model.weights_bytes))
    return model.weights_bytes + (context_bytes if model.kind == "chat" else context_bytes // 4)


def expected_speeds(
    machine: Machine, profile: Profile, catalogue: Catalogue, known: Known
) -> dict[str, SpeedFigure]:
    """How fast each chat model writes where it fits, by id; unknown where it does not fit."""
    places = tuple(_places(machine, profile, known))
    speeds: dict[str, SpeedFigure] = {}
    for model in catalogue.models:
        place = next((each for each in places if _fits(model, each)), None)
        if model.kind == "chat":
            speeds[model.id] = SpeedFigure() if place is None else _figure(model, place)
    return speeds


def _places(machine: Machine, profile: Profile, known: Known) -> Iterator[_Place]:
    gpu = best_gpu(machine.devices) if profile.run.layers_on_gpu != "none" else None
    if gpu is not None and _has_own_memory(machine, gpu):
        yield _Place(
            room_bytes=_less(gpu.memory_total_bytes, profile.run.reserve_bytes),
            bandwidth=known_bandwidth(machine, profile, "card", None),
            kind="card",
            device=gpu.name,
            cache_bytes=None,
            samples=known.samples,
        )
        gpu = None  # what does not fit on the card is for the processor
    memory = machine.memory
    sizes = [size for size in (memory.total_bytes, memory.limit_bytes) if size is not None]
    kind: Kind = "processor" if gpu is None else "integrated"
    yield _Place(
        room_bytes=_less(min(sizes), profile.run.reserve_bytes + _SYSTEM_BYTES) if sizes else None,
        bandwidth=known_bandwidth(machine, profile, kind, known.bandwidth),
        kind=kind,
        device=gpu.name if gpu else PROCESSOR,
        cache_bytes=machine.cpu.cache_bytes,
        samples=known.samples,
    )


def _has_own_memory(machine: Machine, gpu: GgmlDevice) -> bool:
    return gpu.type is DeviceType.GPU and machine.os != "macos"


def _less(size_bytes: int | None, used_bytes: int) -> int | None:
    return None if size_bytes is None else max(0, size_bytes - used_bytes)


def _fits(model: CatalogueModel, place: _Place) -> bool:
    return place.room_bytes is not None and memory_bytes(model) <= place.room_bytes


def _figure(model: CatalogueModel, place: _Place) -> SpeedFigure:
    reading = Reading(
        token_bytes=model.active_bytes,
        context_tokens=0,
        is_mixture=model.active_parameters_b is not None,
        device=place.device,
        kind=place.kind,
        cache_bytes=place.cache_bytes,
    )
    return estimate(reading, place.bandwidth, place.samples)


def _tokens_s(model: CatalogueModel, place: _Place) -> float | None:
    """What the choice counts on: the low end of what this machine showed, else a usual share."""
    if place.is_card:
        return None
    figure = _figure(model, place)
    if figure.basis is SpeedBasis.CALIBRATED:
        return figure.low_tokens_s
    known = place.bandwidth
    bytes_s = known.low_bytes_s if known else _CAUTIOUS_GB_S * _GB
    return _BANDWIDTH_SHARE * bytes_s / model.active_bytes


def _recommendation(
    model: CatalogueModel,
    place: _Place,
    refused: list[Refusal],
    *,
    named_by: Profile | None = None,
) -> Recommendation:
    needs, needs_fr = _both(memory_bytes(model))
    room, room_fr = _both(place.room_bytes or 0)
    where, where_fr = "of memory", "de mémoire"
    if place.is_card:
        where, where_fr = "of the graphics card", "de la carte graphique"
    list_, list_fr = "of the catalogue", "du catalogue"
    if named_by is not None:
        list_ = f"of those that the profile {named_by.title!r} names"
        list_fr = f"de ceux que nomme le profil « {named_by.title_fr} »"
    tokens_s, figure, speed, speed_fr = None, SpeedFigure(), "", ""
    if model.kind == "chat":
        tokens_s, figure = _tokens_s(model, place), _figure(model, place)
        speed, speed_fr = _speed(place, tokens_s, figure)
    return Recommendation(
        model=model,
        memory_bytes=memory_bytes(model),
        tokens_s=tokens_s,
        speed=figure,
        why=f"{model.title} is the first {list_} that suits this machine: it needs about {needs} "
        f"of the {room} {where} that are for models.{speed}",
        why_fr=f"{model.title} est le premier {list_fr} qui convient à cette machine : il demande "
        f"environ {needs_fr} sur les {room_fr} {where_fr} réservés aux modèles.{speed_fr}",
        refused=tuple(refused),
    )


def _speed(place: _Place, tokens_s: float | None, figure: SpeedFigure) -> tuple[str, str]:
    speed = f" Expected for one reader: {figure.words()}"
    speed_fr = f" Vitesse attendue pour un lecteur : {figure.words(french=True)}"
    if tokens_s is not None and tokens_s < _WANTED_TOKENS_S:
        speed += ", which is slow"
        speed_fr += ", ce qui est lent"
    if place.bandwidth is None and figure.low_tokens_s is None:
        speed += "; the memory's speed is unknown"
        speed_fr += " ; la vitesse de la mémoire est inconnue"
        if tokens_s is not None:
            speed += f", so {_CAUTIOUS_GB_S} GB/s were assumed"
            assumed = str(_CAUTIOUS_GB_S).replace(".", ",")
            speed_fr += f", {assumed} Go/s sont supposés"
    return f"{speed}.", f"{speed_fr}."


def _both(num_bytes: int) -> tuple[str, str]:
    return in_words(num_bytes), in_words(num_bytes, french=True)
