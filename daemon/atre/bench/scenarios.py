# SPDX-License-Identifier: Apache-2.0
"""What is asked of a server, and how the requests follow each other."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from difflib import SequenceMatcher

from atre.bench.answer import read_answer
from atre.bench.interference import long_prompt_arrives, one_heavy_seven_light
from atre.bench.measure import Figures, figures
from atre.bench.prompts import rewriting, word_list
from atre.bench.stage import Stage, together

_SHARING_CLIENTS = 8
_DISTINCT_TOKENS = 20  # after the shared prefix
_SHARED_ANSWER_TOKENS = 32
_REWRITTEN_SHARE = 0.9  # of the text's tokens: what comes after its end is no rewriting


@dataclass(frozen=True, slots=True)
class Scenario:
    """A way to ask; ``clients`` is how many people take part, None if that is chosen freely."""

    run: Callable[[Stage, int], Awaitable[Figures]]
    clients: int | None


async def plain(stage: Stage, concurrency: int) -> Figures:
    """``concurrency`` clients at once, each with a prompt of its own."""
    num_tokens = stage.sizes.answer_tokens
    answers = await together(
        stage.client.ask(stage.words(stage.sizes.prompt_tokens), num_tokens, person=index)
        for index in range(concurrency)
    )
    return figures(answers, num_tokens=num_tokens)


async def shared_prefix(stage: Stage, _concurrency: int) -> Figures:
    """Eight clients of one person at once: the same long beginning, a few words of their own."""
    beginning = stage.words(stage.sizes.long_prompt_tokens)
    num_words = max(1, round(_DISTINCT_TOKENS / stage.gauge.tokens_per_word))
    answers = await together(
        stage.client.ask(f"{beginning} {word_list(num_words, stage.rng)}", _SHARED_ANSWER_TOKENS)
        for _ in range(_SHARING_CLIENTS)
    )
    return figures(answers, num_tokens=_SHARED_ANSWER_TOKENS)


async def rewrite(stage: Stage, _concurrency: int) -> Figures:
    """One person has a text repeated word for word, under greedy sampling.

    ``quoted`` is the share of the answer that is one passage of the text.
    """
    text = stage.sizes.text
    counted = read_answer(await stage.client.ask(text, 1))
    text_tokens = counted.num_prompt - stage.gauge.overhead
    num_tokens = max(1, round(_REWRITTEN_SHARE * text_tokens))
    prompt = rewriting(text, stage.rng)
    answer = read_answer(await stage.client.ask(prompt, num_tokens, greedy=True))
    extra = {"text_tokens": text_tokens, "quoted": quoted_share(text, answer.text)}
    return figures([answer], num_tokens=num_tokens, extra=extra)


def quoted_share(text: str, answer: str) -> float:
    """The longest passage of ``text`` that ``answer`` repeats, as a share of the answer.

    White space counts as one space, whatever it is.
    """
    wanted, given = (" ".join(each.split()) for each in (text, answer))
    match = SequenceMatcher(None, wanted, given, autojunk=False).find_longest_match()
    return match.size / max(1, len(given))


SCENARIOS: dict[str, Scenario] = {
    "plain": Scenario(plain, None),
    "shared-prefix": Scenario(shared_prefix, _SHARING_CLIENTS),
    "long-prompt-arrives": Scenario(long_prompt_arrives, 4),
    "one-heavy-seven-light": Scenario(one_heavy_seven_light, 8),
    "rewrite": Scenario(rewrite, 1),
}
