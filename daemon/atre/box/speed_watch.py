# SPDX-License-Identifier: Apache-2.0
"""Remembers how fast real answers were, from the engine's own counters."""

import datetime as dt
import logging
import time
from collections.abc import Callable

from atre.errors import AtreError
from atre.ipc.messages import EngineDescription
from atre.plan.speed.estimate import Sample, Subject
from atre.plan.speed.record import SpeedRecord
from atre.speed_figure import MIN_ANSWERED_TOKENS

_log = logging.getLogger(__name__)

_EVERY_S = 600.0  # a power cut loses no more


class SpeedWatch:
    """Asks the engine now and then, and before it ends; ``subject`` None is a box without model."""

    def __init__(
        self,
        record: SpeedRecord,
        describe: Callable[[], EngineDescription],
        *,
        on_remembered: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``on_remembered`` is called when what is known has changed."""
        self.subject: Subject | None = None
        self._record = record
        self._describe = describe
        self._on_remembered = on_remembered
        self._clock = clock
        self._due_s = clock() + _EVERY_S

    def tick(self) -> float:
        """Remember if that is due; seconds until it is again."""
        left_s = self._due_s - self._clock()
        if left_s > 0:
            return left_s
        self.remember()
        self._due_s = self._clock() + _EVERY_S
        return _EVERY_S

    def remember(self) -> None:
        """Keep the speed of answers that ran alone, if there were enough of them.

        An engine that does not answer, or a full disk, costs the figure and nothing else.
        """
        if self.subject is None:
            return
        try:
            sample = sampled(self.subject, self._describe(), dt.datetime.now(dt.UTC))
            if sample is not None:
                self._record.remember_answers(sample)
                self._on_remembered()
        except (AtreError, OSError) as error:
            _log.info("the speed of answers is not remembered: %s", error)


def sampled(subject: Subject, engine: EngineDescription, now: dt.datetime) -> Sample | None:
    """What the counters say; a step of one answer counts as one token, and may be more."""
    alone = next((turn for turn in engine.turns if turn.num_streams == 1), None)
    if alone is None or alone.count < MIN_ANSWERED_TOKENS or alone.total_s <= 0:
        return None
    return Sample(
        **{name: getattr(subject, name) for name in Subject.__struct_fields__},
        tokens_s=alone.count / alone.total_s,
        num_tokens=alone.count,
        source="answers",
        date=now.isoformat(timespec="seconds"),
    )


def soonest(*waits_s: float | None) -> float | None:
    """The shortest of several waits, None if nobody waits."""
    return min((wait_s for wait_s in waits_s if wait_s is not None), default=None)
