# SPDX-License-Identifier: Apache-2.0
import contextlib
import time
from collections.abc import Callable, Sequence

from atre.burn_in.results import PowerResult
from atre.burn_in.turn import Turn
from atre.power.machine_power import chosen, span_between
from atre.power.reading import Reading
from atre.power.sampler import Sampler
from atre.power.samplers.found import found_samplers
from atre.power.trace import Span

_PERIOD_S = 1.0


class PowerProbe:
    """What the machine takes while the other probes work, by the meter's sources and rules."""

    def __init__(
        self,
        samplers: Callable[[], Sequence[Sampler]] = found_samplers,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._samplers = samplers
        self._clock = clock

    def run(self, turn: Turn) -> PowerResult:
        with contextlib.ExitStack() as stack:
            samplers = self._samplers()
            for sampler in samplers:
                stack.callback(sampler.close)
            return self._watch(samplers, turn)

    def _watch(self, samplers: Sequence[Sampler], turn: Turn) -> PowerResult:
        spans: list[Span] = []
        before: Sequence[Reading] = ()
        sources = ""
        while True:
            now_s = self._clock()
            after = [reading for sampler in samplers for reading in sampler.read(now_s)]
            span = span_between(before, after)
            # Where another source takes over, its first span may begin before the last one ended.
            if span is not None and (not spans or span.start_s >= spans[-1].end_s):
                spans.append(span)
                sources = "+".join(sorted(each.source for each in chosen(after)))
            before = after
            if turn.wait(_PERIOD_S):
                break
        covered_s = sum(span.end_s - span.start_s for span in spans)
        return PowerResult(
            sources=sources,
            mean_w=sum(span.energy_j for span in spans) / covered_s if spans else None,
            max_w=max((span.power_w for span in spans), default=None),
            covered_s=covered_s,
        )
