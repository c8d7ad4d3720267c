# SPDX-License-Identifier: Apache-2.0
"""An answer of the factory model is held back until it is known whether to believe it."""

import math
from collections.abc import Iterator
from typing import cast

import pytest

from atre.handbook.plan import PageLink, Plan, Reply
from atre.ipc.messages import (
    Accepted,
    Delta,
    EngineEvent,
    Finished,
    FinishReason,
    Queued,
    TokenLogprob,
)
from atre_web.factory.relay import GuidedRelay, mean_probability
from atre_web.openai.origin import Origin
from atre_web.openai.relay import Relay

SOURCE = PageLink("api-key", "Make an API key")
OFFERED = PageLink("log-in", "Log in to the panel")
OTHERWISE = Reply(text="I do not know.", suggestions=(OFFERED,))
Item = tuple[int, EngineEvent | Origin] | None


class Script:
    """A relay whose events are written down."""

    def __init__(self, *items: tuple[int, EngineEvent] | None) -> None:
        self._items = items
        self.is_closed = False

    def events(self) -> Iterator[tuple[int, EngineEvent] | None]:
        yield from self._items

    def close(self) -> None:
        self.is_closed = True


def said(text: str, probability: float) -> Delta:
    return Delta(
        text=text, logprobs=[TokenLogprob(piece=b"", logprob=math.log(probability), top=[])]
    )


def finished(reason: FinishReason = FinishReason.STOP) -> Finished:
    return Finished(
        reason=reason,
        prompt_tokens=5,
        cached_tokens=0,
        completion_tokens=2,
        first_token_ms=1.0,
        total_ms=2.0,
    )


def told(script: Script) -> list[Item]:
    plan = Plan(
        language="en",
        prompt="…",
        passage="Create one. Yes.",
        source=SOURCE,
        least_probability=0.8,
        otherwise=OTHERWISE,
    )
    relay = GuidedRelay(cast("Relay", script), plan)
    return list(relay.events())


def test_a_believed_answer_comes_as_it_was_written_then_its_source_then_the_end() -> None:
    events = told(Script((0, said("Create ", 0.9)), (0, said("one.", 0.9)), (0, finished())))
    assert events == [
        (0, Delta(text="Create ")),
        (0, Delta(text="one.")),
        (0, Origin(source=SOURCE, suggestions=())),
        (0, finished()),
    ]


def test_a_doubted_answer_is_never_shown() -> None:
    script = Script(
        (0, said("Sell ", 0.9)), (0, said("it.", 0.1)), (0, finished(FinishReason.LENGTH))
    )
    assert told(script) == [
        (0, Delta(text="I do not know.")),
        (0, Origin(source=None, suggestions=(OFFERED,))),
        (0, finished()),
    ]


def test_each_choice_is_judged_by_itself() -> None:
    script = Script(
        (0, said("Yes.", 0.95)),
        (1, said("No.", 0.2)),
        (1, finished()),
        (0, finished()),
    )
    texts = [
        (item[0], item[1].text) for item in told(script) if item and isinstance(item[1], Delta)
    ]
    assert texts == [(1, "I do not know."), (0, "Yes.")]


def test_the_wait_is_shown_as_it_passes() -> None:
    accepted = Accepted(model="factory", prompt_tokens=5)
    script = Script((0, accepted), None, (0, Queued(position=1)), (0, said("a", 1.0)), None)
    assert told(script) == [(0, accepted), None, (0, Queued(position=1)), None]


def test_the_probabilities_are_for_the_doubt_alone() -> None:
    [shown, *_] = told(Script((0, said("Yes.", 0.95)), (0, finished())))
    assert shown == (0, Delta(text="Yes."))


def test_closing_it_cancels_what_still_runs() -> None:
    script = Script()
    plan = Plan(
        language="en", prompt="", passage="", source=None, least_probability=0, otherwise=OTHERWISE
    )
    with GuidedRelay(cast("Relay", script), plan):
        assert not script.is_closed
    assert script.is_closed


def test_the_mean_is_of_probabilities_and_nothing_is_not_believed() -> None:
    assert mean_probability([said("a", 0.5), said("b", 1.0)]) == pytest.approx(0.75)
    assert mean_probability([Delta(text="a")]) == 0.0
