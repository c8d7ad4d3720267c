# SPDX-License-Identifier: Apache-2.0
"""Scenarios in which one person's requests could spoil those of others."""

import asyncio
from collections.abc import Sequence
from functools import partial
from itertools import pairwise

from atre.bench.answer import Answer, read_answer
from atre.bench.exchange import Exchange
from atre.bench.measure import Figures, figures
from atre.bench.spread import percentile
from atre.bench.stage import Stage, leaving_none

_STREAMS = 3  # that decode while a long prompt arrives
_SETTLED_PIECES = 16  # each stream has had these when the long prompt is sent
_LATE_ANSWER_TOKENS = 8
_LIGHT_USERS = 7
_LIGHT_REQUESTS = 6
_LIGHT_ANSWER_TOKENS = 32
_PAUSES = (0.5, 1.5)  # the shortest and the longest, in mean pauses: people do not march
_HEAVY_REQUESTS = 8
_HEAVY_ANSWER_TOKENS = 256


async def long_prompt_arrives(stage: Stage, _concurrency: int) -> Figures:
    """Three people read their answers while somebody sends a long prompt.

    The figures are those of the three; ``largest_gap_s`` is their longest wait for a next token
    from then on, ``late_ttft_s`` what the late comer waited. The first is missing where all three
    were done before the long prompt came.
    """
    num_tokens = stage.sizes.answer_tokens * 2
    settling = _Settling(_STREAMS)
    streams = [
        asyncio.create_task(
            stage.client.ask(
                stage.words(stage.sizes.prompt_tokens),
                num_tokens,
                person=index,
                on_piece=partial(settling.count, index),
            )
        )
        for index in range(_STREAMS)
    ]
    async with leaving_none(streams):
        # A stream that is over before it has settled was refused; reading it says why.
        settled = asyncio.create_task(settling.done.wait())
        await asyncio.wait([settled, *streams], return_when=asyncio.FIRST_COMPLETED)
        settled.cancel()
        prompt = stage.words(stage.sizes.long_prompt_tokens)
        late = await stage.client.ask(prompt, _LATE_ANSWER_TOKENS, person=_STREAMS)
        answers = [read_answer(each) for each in await asyncio.gather(*streams)]
    extra = {"late_ttft_s": read_answer(late).ttft_s}
    longest_s = longest_wait_s(answers, since_s=late.sent_s)
    if longest_s is not None:
        extra["largest_gap_s"] = longest_s
    return figures(answers, num_tokens=num_tokens, extra=extra)


async def one_heavy_seven_light(stage: Stage, _concurrency: int) -> Figures:
    """Seven people ask small things with pauses, first alone, then beside one who asks much.

    That one keeps eight long requests going. The figures are those of the seven beside the heavy
    one; ``ttft_ratio`` is their p95 time to the first token over the same without the heavy one.
    Each person has a key of their own if at least eight were given.
    """
    alone = await _light_users(stage)
    heavy = [asyncio.create_task(_ask_without_end(stage)) for _ in range(_HEAVY_REQUESTS)]
    light = asyncio.create_task(_light_users(stage))
    async with leaving_none([*heavy, light]):
        # A heavy request ends only by an error, which then ends the measurement.
        done, _ = await asyncio.wait([*heavy, light], return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        beside = await light
    alone_s, beside_s = (percentile([a.ttft_s for a in part], 95) for part in (alone, beside))
    return figures(
        beside,
        num_tokens=_LIGHT_ANSWER_TOKENS,
        extra={"alone_ttft_p95_s": alone_s, "ttft_ratio": beside_s / alone_s},
    )


def longest_wait_s(answers: Sequence[Answer], *, since_s: float) -> float | None:
    """The longest gap between two pieces of text that ended after ``since_s``, None if none did."""
    waits = [b - a for answer in answers for a, b in pairwise(answer.text_s) if b > since_s]
    return max(waits, default=None)


class _Settling:
    """Sets ``done`` when every stream has had its first pieces."""

    def __init__(self, num_streams: int) -> None:
        self._left = [_SETTLED_PIECES] * num_streams
        self.done = asyncio.Event()

    def count(self, index: int) -> None:
        self._left[index] -= 1
        if max(self._left) <= 0:
            self.done.set()


async def _light_users(stage: Stage) -> list[Answer]:
    everybody = await asyncio.gather(*(_light_user(stage, 1 + n) for n in range(_LIGHT_USERS)))
    return [read_answer(each) for exchanges in everybody for each in exchanges]


async def _light_user(stage: Stage, person: int) -> list[Exchange]:
    exchanges = []
    for _ in range(_LIGHT_REQUESTS):
        await asyncio.sleep(stage.sizes.pause_s * stage.rng.uniform(*_PAUSES))
        prompt = stage.words(stage.sizes.prompt_tokens)
        exchanges.append(await stage.client.ask(prompt, _LIGHT_ANSWER_TOKENS, person=person))
    return exchanges


async def _ask_without_end(stage: Stage) -> None:
    while True:
        prompt = stage.words(stage.sizes.long_prompt_tokens)
        read_answer(await stage.client.ask(prompt, _HEAVY_ANSWER_TOKENS))
