# SPDX-License-Identifier: Apache-2.0
"""Which of the machine's readings are its power, so that nothing is counted twice.

Best first: the plugs, what sees the whole platform, processors and cards added, a UPS. A UPS comes
last because it feeds other things too and tells its load in steps of a hundredth.
"""

import math
from collections.abc import Callable, Sequence

import msgspec

from atre.power.coverage_words import covers, nothing_known
from atre.power.reading import Basis, Reading, Scope
from atre.power.trace import Span
from atre.sentence import Sentence

_ORDER = list(Basis)  # best first
# A source whose last word is older says nothing about now: a thread of its own has died.
_MAX_AGE_S = 15.0
# Between two samples of power that are further apart, anything may have happened.
_MAX_SAMPLED_S = 15.0
# What should contain the processor and the cards reads less than they do where the firmware's psys
# is not wired to them; a tenth is room for counters that are not read at the same moment.
_CONTAINS = 0.9
_MAX_WATTS = 20_000.0  # more than any circuit of an office carries


def span_between(before: Sequence[Reading], after: Sequence[Reading]) -> Span | None:
    """The machine's energy from one round of readings to the next; None where nobody can tell.

    Counters are preferred to samples of power. The span begins and ends where the chosen source
    says that its words were true, so spans of one source join without a gap, and a source that is
    slower than the rounds gives None until it says something new. ``before`` is always the round
    just before ``after``: counters that began anew are told by their fall to 0. When another source
    takes over, a span may begin before the last one ended: take its part after that.
    """
    earlier = {reading.source: reading for reading in before}
    figures = chosen([_over_interval(earlier.get(reading.source), reading) for reading in after])
    if not figures:
        return None
    sources = {figure.source for figure in figures}
    if sources < {reading.source for reading in chosen(after)}:
        return None  # a card or processor that has just begun to tell: without it, too little
    start_s = max(earlier[source].at_s for source in sources)
    end_s = max(figure.at_s for figure in figures)
    if end_s <= start_s:
        return None
    watts = sum(figure.power_w or 0.0 for figure in figures)
    return Span(start_s, end_s, watts * (end_s - start_s), _worst_basis(figures))


def coverage(readings: Sequence[Reading]) -> Sentence:
    """What the machine's figure of this instant covers and what it leaves out, in words."""
    return covers(chosen(readings), readings) if chosen(readings) else nothing_known(readings)


def chosen(readings: Sequence[Reading]) -> list[Reading]:
    """The readings whose powers, added, are the machine's; empty where none tells its power."""
    known = [reading for reading in _fresh(readings) if _is_power(reading.power_w)]
    parts = _parts(known, readings)
    for found in (
        _plugs(known, readings),
        _platform(known, _watts(parts)),
        parts,
        _best([r for r in known if r.scope is Scope.WALL and r.basis is not Basis.PLUG]),
    ):
        if found:
            return found
    return []


def _plugs(known: list[Reading], readings: Sequence[Reading]) -> list[Reading]:
    """Every plug of the machine: it may have two power supplies, and half is not its power."""

    def is_plug(reading: Reading) -> bool:
        return (reading.scope, reading.basis) == (Scope.WALL, Basis.PLUG)

    return _all_or_none(is_plug, known, readings)


def _platform(known: list[Reading], parts_w: float) -> list[Reading]:
    return _best(
        [
            reading
            for reading in known
            if reading.scope is Scope.PLATFORM
            # A battery's figure lags behind; only a counter can be caught at leaving something out.
            and (reading.basis is not Basis.COUNTER or _watts([reading]) >= _CONTAINS * parts_w)
        ]
    )


def _parts(known: list[Reading], readings: Sequence[Reading]) -> list[Reading]:
    """Processors and cards. Two kinds of source that tell of processors tell of the same ones."""
    kinds = {_kind(reading) for reading in readings if reading.scope is Scope.PACKAGE}
    groups = [_packages(kind, known, readings) for kind in sorted(kinds)]
    packages = min(
        filter(None, groups), key=lambda group: _ORDER.index(_worst_basis(group)), default=[]
    )
    return packages + [reading for reading in known if reading.scope is Scope.CARD]


def _packages(kind: str, known: list[Reading], readings: Sequence[Reading]) -> list[Reading]:
    def is_package(reading: Reading) -> bool:
        return reading.scope is Scope.PACKAGE and _kind(reading) == kind

    return _all_or_none(is_package, known, readings)


def _all_or_none(
    belongs: Callable[[Reading], bool], known: list[Reading], readings: Sequence[Reading]
) -> list[Reading]:
    found = [reading for reading in known if belongs(reading)]
    return found if len(found) == sum(belongs(reading) for reading in readings) else []


def _best(readings: list[Reading]) -> list[Reading]:
    """The one of the best basis, the first by name among equals: they tell of the same thing."""
    ordered = sorted(readings, key=lambda r: (_ORDER.index(r.basis), r.source))
    return ordered[:1]


def _over_interval(earlier: Reading | None, later: Reading) -> Reading:
    """The later reading with its mean power since the earlier one, None if it cannot be told."""
    return msgspec.structs.replace(later, power_w=_mean_power(earlier, later), energy_j=None)


def _mean_power(earlier: Reading | None, later: Reading) -> float | None:
    if earlier is None:
        return None
    elapsed_s = later.at_s - earlier.at_s
    if elapsed_s <= 0:
        return later.power_w  # nothing new was said: it still holds
    if earlier.energy_j is not None and later.energy_j is not None:
        taken_j = later.energy_j - earlier.energy_j
        # A counter that began anew was not watched all the time.
        return taken_j / elapsed_s if taken_j >= 0 else None
    if earlier.power_w is None or later.power_w is None or elapsed_s > _MAX_SAMPLED_S:
        return None
    return (earlier.power_w + later.power_w) / 2


def _fresh(readings: Sequence[Reading]) -> list[Reading]:
    newest_s = max((reading.at_s for reading in readings), default=0.0)
    return [reading for reading in readings if newest_s - reading.at_s <= _MAX_AGE_S]


def _is_power(watts: float | None) -> bool:
    return watts is not None and math.isfinite(watts) and 0 < watts <= _MAX_WATTS


def _kind(reading: Reading) -> str:
    return reading.source.partition(":")[0]


def _watts(readings: list[Reading]) -> float:
    return sum(reading.power_w or 0.0 for reading in readings)


def _worst_basis(readings: list[Reading]) -> Basis:
    return max((reading.basis for reading in readings), key=_ORDER.index)
