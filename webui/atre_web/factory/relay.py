# SPDX-License-Identifier: Apache-2.0
import math
from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from atre.handbook.plan import Plan
from atre.ipc.closing import Closing
from atre.ipc.energy_messages import RequestEnergy
from atre.ipc.messages import Delta, EngineEvent, Finished, FinishReason
from atre_web.openai.origin import Origin
from atre_web.openai.relay import Relay


class GuidedRelay(Closing):
    """A relay that holds each answer back until it is whole, and says another if it is doubtful.

    The factory model writes an answer in a fraction of a second, so nobody waits for long.
    """

    def __init__(self, relay: Relay, plan: Plan) -> None:
        self._relay = relay
        self._plan = plan

    def events(self) -> Iterator[tuple[int, EngineEvent | Origin] | None]:
        """Those of the relay; before an answer's end its text, and where it comes from."""
        held: dict[int, list[Delta]] = {}
        for item in self._relay.events():
            if item is None:
                yield None
                continue
            index, event = item
            if isinstance(event, Delta):
                held.setdefault(index, []).append(event)
            elif isinstance(event, Finished):
                yield from self._told(index, held.pop(index, []), event)
            else:
                yield index, event

    def close(self) -> None:
        """Cancel what still runs."""
        self._relay.close()

    @property
    def energy(self) -> RequestEnergy:
        return self._relay.energy

    def _told(
        self, index: int, deltas: Sequence[Delta], end: Finished
    ) -> Iterator[tuple[int, EngineEvent | Origin]]:
        answer = "".join(delta.text for delta in deltas)
        reply = self._plan.reply(answer, mean_probability(deltas))
        if reply.text == answer.strip():
            for delta in deltas:
                yield index, replace(delta, logprobs=[])  # for the doubt, not for the client
        else:
            end = replace(end, reason=FinishReason.STOP)
            yield index, Delta(text=reply.text)
        yield index, Origin(source=reply.source, suggestions=reply.suggestions)
        yield index, end


def mean_probability(deltas: Sequence[Delta]) -> float:
    """Of the tokens of an answer, 0 for one without any."""
    logprobs = [token.logprob for delta in deltas for token in delta.logprobs]
    return sum(map(math.exp, logprobs)) / len(logprobs) if logprobs else 0.0
