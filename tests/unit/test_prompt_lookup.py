# SPDX-License-Identifier: Apache-2.0
import random

from atre.engine.prompt_lookup import PromptLookup


def test_what_followed_the_last_tokens_before_is_the_draft() -> None:
    lookup = PromptLookup()
    tokens = [1, 2, 3, 4, 5, 6, 9, 1, 2, 3]
    lookup.update(tokens)
    assert lookup.draft(tokens, 3) == [4, 5, 6]
    assert lookup.draft(tokens, 9) == [4, 5, 6, 9, 1, 2, 3, 4, 5], "a repetition goes on"


def test_the_latest_place_wins_and_no_place_gives_no_draft() -> None:
    lookup = PromptLookup()
    tokens = [1, 2, 3, 7, 1, 2, 3, 8, 1, 2, 3]
    lookup.update(tokens)
    assert lookup.draft(tokens, 1) == [8]
    lookup.update([*tokens, 50])
    assert lookup.draft([*tokens, 50], 4) == []


def test_the_acceptance_is_learnt_whether_or_not_anything_is_drafted() -> None:
    quoting, inventing = PromptLookup(), PromptLookup()
    rng = random.Random(1)
    text = [rng.randrange(50) for _ in range(40)]
    for end in range(len(text), 4 * len(text)):
        quoting.update((text * 4)[:end])
    noise = [rng.randrange(3) for _ in range(400)]
    for end in range(1, len(noise) + 1):
        inventing.update(noise[:end])
    assert quoting.acceptance > 0.95
    assert inventing.acceptance < 0.7


def test_tokens_are_learnt_once_however_they_arrive() -> None:
    tokens = [1, 2, 3, 4, 1, 2, 3, 4, 1, 2]
    at_once, one_by_one = PromptLookup(), PromptLookup()
    at_once.update(tokens)
    for end in range(1, len(tokens) + 1):
        one_by_one.update(tokens[:end])
    assert at_once.draft(tokens, 5) == one_by_one.draft(tokens, 5)
    assert at_once.acceptance == one_by_one.acceptance
