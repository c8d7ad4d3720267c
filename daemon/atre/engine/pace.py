# SPDX-License-Identifier: Apache-2.0
from typing import Protocol

from atre.engine.step_cost import StepCost

MAX_DRAFT = 15  # with the token before it, 16 rows: where the flat part of CPU curves ends
_WORTH_DRAFTING = 1.05  # a gain below this is noise


class Pace(Protocol):
    """How much the next step may compute."""

    def num_rows(self, num_decoding: int) -> int:
        """How many rows the batch may have while ``num_decoding`` sequences are decoding."""

    def draft_length(self, acceptance: float, num_rows: int) -> int:
        """How many guessed tokens are worth adding for one sequence to ``num_rows`` rows.

        ``acceptance``: the share of guesses that came true lately.
        """


class FixedPace:
    """The same for every step; for tests, and for whoever wants to reason about a schedule."""

    def __init__(self, num_rows: int, *, draft_length: int = 0) -> None:
        self._num_rows = num_rows
        self._draft_length = draft_length

    def num_rows(self, num_decoding: int) -> int:
        del num_decoding
        return self._num_rows

    def draft_length(self, acceptance: float, num_rows: int) -> int:
        del acceptance, num_rows
        return self._draft_length


class LearnedPace:
    """Keeps the gap between two tokens near a target, by what steps were seen to cost."""

    def __init__(
        self, cost: StepCost, *, max_rows: int, target_gap_s: float, max_draft: int = MAX_DRAFT
    ) -> None:
        """``max_draft`` is 0 for models whose memory cannot forget a wrong guess."""
        self._cost = cost
        self._max_draft = max_draft
        self._max_rows = max_rows
        self._target_gap_s = target_gap_s

    def num_rows(self, num_decoding: int) -> int:
        """Full batches when nobody waits for a next token; else what the target leaves."""
        if num_decoding == 0:
            return self._max_rows
        return self._cost.rows_within(
            self._target_gap_s, num_decoding=num_decoding, most=self._max_rows
        )

    def draft_length(self, acceptance: float, num_rows: int) -> int:
        """The length with the most tokens a second, 0 if guessing does not pay.

        A draft of k yields 1 + p + … + p^k tokens in place of one, for the longer step.
        """
        plain_s = self._cost.seconds(num_rows)
        best, best_speed = 0, _WORTH_DRAFTING * num_rows / plain_s if plain_s else 0.0
        expected = float(num_rows)
        for length in range(1, min(self._max_draft, self._max_rows - num_rows) + 1):
            expected += acceptance**length
            seconds = self._cost.seconds(num_rows + length)
            if seconds and seconds <= self._target_gap_s and expected / seconds > best_speed:
                best, best_speed = length, expected / seconds
        return best
