# SPDX-License-Identifier: Apache-2.0
"""Tokens a second of one answer: a pure decision from bandwidth, model and measurements."""

from collections.abc import Sequence
from statistics import linear_regression
from typing import Literal

import msgspec

from atre.plan.race.candidates import ModelIdentity
from atre.plan.speed.bandwidth import Bandwidth
from atre.plan.speed.efficiency import Kind, share_of
from atre.speed_figure import MIN_ANSWERED_TOKENS, SpeedBasis, SpeedFigure

# A model within the cache, or near it, tells nothing of those that are read from memory.
_TELLING_CACHES, _LEAST_TELLING_BYTES = 4, 100_000_000
# Sizes so far apart tell the time that each token costs from the time that each byte costs.
_APART = 1.5
_BUSY = 2  # times slower than the slowest that was published
# One model foretells another: 25 dense models on one M4 Pro (llmfit's community results) lie within
# 30 % of each other in bytes a second, and within 20 % of a line through two of them.
_SPREAD_OF_ONE, _SPREAD_OF_LINE = 0.3, 0.2


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """A model on a device of this machine; ``token_bytes`` are read for each token.

    ``machine`` is a fingerprint.
    """

    model: ModelIdentity
    device: str
    token_bytes: int
    is_mixture: bool
    machine: str


class Sample(Subject, frozen=True, kw_only=True):
    """A speed that was measured, by a race or with real answers. ``date`` is ISO 8601, UTC."""

    tokens_s: float
    num_tokens: int
    source: Literal["race", "answers"]
    date: str
    prompt_tokens_s: float | None = None


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What writing one token reads, and on which device; ``model`` None is not on this machine.

    ``token_bytes`` are with ``context_tokens`` of conversation, 0 if not even its header is known.
    ``kind`` None says that layers are
    on two devices.
    """

    token_bytes: int
    context_tokens: int
    is_mixture: bool
    device: str
    kind: Kind | None
    cache_bytes: int | None = None
    model: ModelIdentity | None = None


def estimate(
    reading: Reading, bandwidth: Bandwidth | None, samples: Sequence[Sample] = ()
) -> SpeedFigure:
    """The speed of one answer, by the best that is known.

    Measured with this model on this device: that figure. Else calibrated: tokens/s = 1 / (a + bytes
    per token / B), with a and B from the speeds of other models on the device (a is 0 with one).
    Else estimated: tokens/s = share × bandwidth / bytes per token, from the least of both to the
    most. Bytes per token are the weights that each token reads and the KV cells of the conversation
    so far. A model of less than 0.1 GB, or within the processor's cache, is not bound by memory:
    it is unknown until it is measured.
    """
    here = [sample for sample in samples if sample.device == reading.device]
    known = _measured(reading, here)
    if known is not None:
        return known
    if reading.token_bytes < _LEAST_TELLING_BYTES or (
        reading.kind == "processor" and reading.token_bytes <= (reading.cache_bytes or 0)
    ):
        return SpeedFigure(
            why="It is so small that the memory's speed does not decide; a measurement will tell.",
            why_fr="Il est si petit que le débit de la mémoire ne décide pas"
            "\N{NO-BREAK SPACE}; une mesure le dira.",
        )
    return _calibrated(reading, bandwidth, here) or _estimated(reading, bandwidth)


def _measured(reading: Reading, here: Sequence[Sample]) -> SpeedFigure | None:
    """Real answers before a race, which runs alone and with a short text."""
    own = [sample for sample in here if sample.model == reading.model]
    races = [sample for sample in own if sample.source == "race"]
    answers = [
        sample
        for sample in own
        if sample.source == "answers" and sample.num_tokens >= MIN_ANSWERED_TOKENS
    ]
    for sample in (*answers, *races):
        day, tokens = sample.date[:10], sample.num_tokens
        by_answers = sample.source == "answers"
        return SpeedFigure(
            low_tokens_s=sample.tokens_s,
            high_tokens_s=sample.tokens_s,
            prompt_tokens_s=next((race.prompt_tokens_s for race in races), None),
            basis=SpeedBasis.MEASURED,
            why=f"Measured with {tokens} tokens of real answers until {day}."
            if by_answers
            else f"Measured when the devices raced on {day}, with a short text.",
            why_fr=f"Mesuré sur {tokens} jetons de vraies réponses, jusqu’au {day}."
            if by_answers
            else f"Mesuré lors de la comparaison des appareils le {day}, avec un texte court.",
        )
    return None


def _calibrated(
    reading: Reading, bandwidth: Bandwidth | None, here: Sequence[Sample]
) -> SpeedFigure | None:
    floor = max(_LEAST_TELLING_BYTES, _TELLING_CACHES * (reading.cache_bytes or 0))
    telling = sorted(
        (
            sample
            for sample in here
            if sample.is_mixture == reading.is_mixture
            and sample.token_bytes * sample.tokens_s > _least_bytes_s(reading, bandwidth)
            and min(sample.token_bytes, reading.token_bytes) >= floor
        ),
        key=lambda sample: sample.token_bytes,
    )
    if not telling:
        return None
    line = _line(telling)
    if line is None:
        nearest = min(telling, key=lambda sample: abs(sample.token_bytes - reading.token_bytes))
        seconds = reading.token_bytes / (nearest.token_bytes * nearest.tokens_s)
        spread = _SPREAD_OF_ONE
    else:
        seconds, spread = line[0] + line[1] * reading.token_bytes, _SPREAD_OF_LINE
    names = ", ".join(dict.fromkeys(sample.model.name for sample in telling))
    return SpeedFigure(
        low_tokens_s=(1 - spread) / seconds,
        high_tokens_s=(1 + spread) / seconds,
        basis=SpeedBasis.CALIBRATED,
        why=f"{_reads(reading)}; {names} measured on this machine, ± {spread:.0%}.",
        why_fr=f"{_reads_fr(reading)}\N{NO-BREAK SPACE}; {names} mesuré sur cette machine, "
        f"± {spread * 100:.0f}\N{NO-BREAK SPACE}%.",
    )


def _least_bytes_s(reading: Reading, bandwidth: Bandwidth | None) -> float:
    """Slower than this, the machine was busy with something else while a model was measured."""
    if bandwidth is None or reading.kind is None:
        return 0.0
    share = share_of(reading.kind, is_mixture=reading.is_mixture)
    return share.low * bandwidth.low_bytes_s / _BUSY


def _line(telling: Sequence[Sample]) -> tuple[float, float] | None:
    """Seconds a token and seconds a byte through samples, the smallest first; None if too close.

    Both are positive on any real machine; where noise says otherwise, one sample tells more.
    """
    if telling[-1].token_bytes < _APART * telling[0].token_bytes:
        return None
    slope, start = linear_regression(
        [sample.token_bytes for sample in telling], [1 / sample.tokens_s for sample in telling]
    )
    return (start, slope) if start >= 0 and slope > 0 else None


def _estimated(reading: Reading, bandwidth: Bandwidth | None) -> SpeedFigure:
    if reading.kind is None:
        return SpeedFigure(
            why="Some layers are on another device; a measurement will tell.",
            why_fr="Des couches sont sur un autre appareil\N{NO-BREAK SPACE}; une mesure le dira.",
        )
    if bandwidth is None:
        return SpeedFigure(
            why="The memory's speed is unknown; a measurement will tell.",
            why_fr="Le débit de la mémoire est inconnu\N{NO-BREAK SPACE}; une mesure le dira.",
        )
    share = share_of(reading.kind, is_mixture=reading.is_mixture)
    low, high = f"{share.low:.0%}", f"{share.high:.0%}"
    return SpeedFigure(
        low_tokens_s=share.low * bandwidth.low_bytes_s / reading.token_bytes,
        high_tokens_s=share.high * bandwidth.high_bytes_s / reading.token_bytes,
        basis=SpeedBasis.ESTIMATED,
        why=f"{_reads(reading)}; {bandwidth.basis}; {low} to {high} of what memory carries were "
        f"reached elsewhere ({share.seen}).",
        why_fr=f"{_reads_fr(reading)}\N{NO-BREAK SPACE}; {bandwidth.basis_fr}\N{NO-BREAK SPACE}; "
        f"de {low[:-1]} à {high[:-1]}\N{NO-BREAK SPACE}% de ce que porte la mémoire ont été "
        f"atteints ailleurs ({share.seen}).",
    )


def _reads(reading: Reading) -> str:
    size = f"{reading.token_bytes / 1e9:.2f} GB are read for each token"
    if not reading.context_tokens:
        return f"{size}, and more as the conversation grows"
    return f"{size} after {reading.context_tokens} tokens of conversation"


def _reads_fr(reading: Reading) -> str:
    size = f"{reading.token_bytes / 1e9:.2f}".replace(".", ",")
    size = f"{size} Go sont lus pour chaque jeton"
    if not reading.context_tokens:
        return f"{size}, et davantage à mesure que la conversation s’allonge"
    return f"{size} après {reading.context_tokens} jetons de conversation"
