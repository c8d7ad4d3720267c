# SPDX-License-Identifier: Apache-2.0
"""From answers to figures, and from the figures of several rounds to their medians."""

from collections.abc import Sequence
from statistics import median
from typing import Any

import msgspec

from atre.bench.answer import Answer
from atre.bench.spread import Spread


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What one scenario gave in one round, or the medians of several rounds.

    ``tokens_per_s`` counts generated tokens from the first request to the last token, so it
    includes reading the prompts; ``decode_tokens_per_s`` counts from each answer's first token and
    is the mean of the answers. ``prompt_tokens`` and ``cached_tokens`` are means of the answers.
    """

    wall_s: float
    tokens_per_s: float
    decode_tokens_per_s: float | None
    ttft_s: Spread
    gap_s: Spread | None
    num_answers: float
    prompt_tokens: float
    cached_tokens: float
    completion_tokens: float
    events_per_token: float
    ended_early: float
    extra: dict[str, float] = {}


def figures(
    answers: Sequence[Answer], *, num_tokens: int, extra: dict[str, float] | None = None
) -> Figures:
    """Sum up the answers of one round, each of which was asked for ``num_tokens`` tokens."""
    count = len(answers)
    completion = sum(answer.num_completion for answer in answers)
    wall_s = max(a.text_s[-1] for a in answers) - min(a.sent_s for a in answers)
    speeds = [speed for answer in answers if (speed := _decode_speed(answer)) is not None]
    return Figures(
        wall_s=wall_s,
        tokens_per_s=completion / wall_s,
        decode_tokens_per_s=sum(speeds) / len(speeds) if speeds else None,
        ttft_s=_known(Spread.of([answer.ttft_s for answer in answers])),
        gap_s=Spread.of([gap_s for answer in answers for gap_s in answer.gaps_s]),
        num_answers=count,
        prompt_tokens=sum(answer.num_prompt for answer in answers) / count,
        cached_tokens=sum(answer.num_cached for answer in answers) / count,
        completion_tokens=completion / count,
        events_per_token=sum(len(answer.text_s) for answer in answers) / completion,
        ended_early=sum(answer.num_completion < num_tokens for answer in answers),
        extra=extra or {},
    )


def medians(rounds: Sequence[Figures]) -> Figures:
    """Each figure's median over the rounds."""
    return msgspec.convert(_median([msgspec.to_builtins(each) for each in rounds]), Figures)


def _median(values: Sequence[Any]) -> Any:
    known = [value for value in values if value is not None]
    if known and isinstance(known[0], dict):
        names = {name: None for value in known for name in value}
        return {name: _median([value.get(name) for value in known]) for name in names}
    return median(known) if known else None


def _decode_speed(answer: Answer) -> float | None:
    """Tokens a second after the first one; None for an answer that came in one piece."""
    seconds = answer.text_s[-1] - answer.text_s[0]
    return (answer.num_completion - 1) / seconds if seconds > 0 else None


def _known(spread: Spread | None) -> Spread:
    assert spread is not None, "a round without answers"  # noqa: S101 -- read_answer raised before
    return spread
