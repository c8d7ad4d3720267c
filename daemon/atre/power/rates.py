# SPDX-License-Identifier: Apache-2.0
from atre.power.attribution import Attribution, Rates

# Until this machine's own is known: a Mac mini M4 writes 20.9 tokens a second with an 8B model and
# reads 225 (llama.cpp's tg128 and pp512), so a token that is read takes 0.09 of the time of one
# that is written; that it takes as many watts is assumed.
DEFAULT_PROMPT_WEIGHT = 0.1
_LEAST, _MOST = 0.001, 2.0
_MEMORY_S = 30.0  # of work or rest: newer seconds outweigh older ones
_MOSTLY = 0.9  # of the weighted rows: then a span tells of reading alone, or of writing alone


class LearnedRates:
    """What work takes on this machine, learnt from spans and from the engine's step costs.

    The weight of a prompt row is the time that it takes, as a part of a decode row's, times the
    watts while reading over the watts while writing.
    """

    def __init__(self) -> None:
        self._working_w: float | None = None
        self._other_w: float | None = None
        self._reading_w: float | None = None
        self._writing_w: float | None = None
        self._row_cost: float | None = None

    def see_cost(self, prompt_row_cost: float | None) -> None:
        """Take note of what the engine last told; None changes nothing."""
        if prompt_row_cost is not None and prompt_row_cost > 0:
            self._row_cost = prompt_row_cost

    def learn(self, found: Attribution) -> None:
        """Take what some spans say into account."""
        for seconds, watts in found.rested:
            self._other_w = _moved(self._other_w, watts, seconds)
        for span in found.worked:
            self._working_w = _moved(self._working_w, span.watts, span.seconds)
            if span.prompt_share >= _MOSTLY:
                self._reading_w = _moved(self._reading_w, span.watts, span.seconds)
            elif span.prompt_share <= 1 - _MOSTLY:
                self._writing_w = _moved(self._writing_w, span.watts, span.seconds)

    @property
    def prompt_weight(self) -> float:
        """J of a row that reads over J of one that is followed, as well as it is known."""
        if self._row_cost is None:
            return DEFAULT_PROMPT_WEIGHT
        watts = 1.0
        if self._reading_w and self._writing_w:
            watts = self._reading_w / self._writing_w
        return min(_MOST, max(_LEAST, self._row_cost * watts))

    @property
    def is_calibrated(self) -> bool:
        """Whether time and watts of both kinds of row were measured here."""
        return bool(self._row_cost and self._reading_w and self._writing_w)

    def rates(self, idle_w: float | None) -> Rates:
        """What is known now, beside the machine's baseline."""
        return Rates(
            idle_w=idle_w,
            prompt_weight=self.prompt_weight,
            working_w=self._working_w,
            other_w=self._other_w or 0.0,
        )


def _moved(known: float | None, seen: float, seconds: float) -> float:
    if known is None:
        return seen
    return known + min(1.0, seconds / _MEMORY_S) * (seen - known)
