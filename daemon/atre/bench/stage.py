# SPDX-License-Identifier: Apache-2.0
import asyncio
import random
from collections.abc import AsyncIterator, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from atre.bench.answer import Answer, read_answer
from atre.bench.client import Client
from atre.bench.exchange import Exchange
from atre.bench.prompts import Gauge, word_list


@dataclass(frozen=True, slots=True)
class Sizes:
    """How long prompts and answers are, in tokens, and the text that is rewritten.

    ``pause_s`` is how long a person reads, in the mean, before asking again.
    """

    prompt_tokens: int
    answer_tokens: int
    long_prompt_tokens: int
    text: str
    pause_s: float


@dataclass(frozen=True, slots=True)
class Stage:
    """What every scenario needs: whom to ask, how it counts, and what to ask for."""

    client: Client
    gauge: Gauge
    sizes: Sizes
    rng: random.Random

    def words(self, num_tokens: int) -> str:
        """A prompt of about ``num_tokens`` tokens that nobody asked before."""
        return word_list(self.gauge.num_words(num_tokens), self.rng)


async def together(requests: Iterable[Coroutine[Any, Any, Exchange]]) -> list[Answer]:
    """Send all at once and read their answers when all are over."""
    tasks = [asyncio.create_task(request) for request in requests]
    async with leaving_none(tasks):
        return [read_answer(each) for each in await asyncio.gather(*tasks)]


@asynccontextmanager
async def leaving_none(tasks: Sequence[asyncio.Task[Any]]) -> AsyncIterator[None]:
    """End what still runs of ``tasks`` at the end of the block."""
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
