# SPDX-License-Identifier: Apache-2.0
"""Whose energy it was: spans of the machine's energy shared out by the rows that were computed.

What the machine takes in any case, the idle baseline, is set apart. The rest of the time in which
the engine worked is shared among its requests by weighted rows, ``decode + prompt_weight x
prompt``; the rest of all other time is that of others. So requests, idle and others add up to the
machine's energy, whatever the weights are.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from atre.ipc.power_basis import Basis
from atre.ipc.work_messages import Rows, WorkDone, request_id
from atre.power.trace import Span

# One-second readings scatter; what a span holds beyond this much of the usual is not our work.
_SURPLUS = 1.5
_WHOLE = 0.999  # a span that is worked in from end to end
_SAYS_MUCH = 0.2  # of a span: with less work in it, it says nothing of what work takes
_ORDER = list(Basis)


@dataclass(frozen=True, slots=True)
class Rates:
    """What the machine is known to take, in watts; None is not known.

    ``idle_w`` when nothing is computed. Above that: ``other_w`` while the engine rests,
    ``working_w`` while it works. ``prompt_weight`` is J per prompt row over J per decode row.
    """

    idle_w: float | None
    prompt_weight: float
    working_w: float | None = None
    other_w: float = 0.0


@dataclass(slots=True)
class Energy:
    """One request's part. ``j`` is above the idle baseline, ``j_idle_share`` within it.

    ``inferred_j`` of ``j`` come from spans in which there was also no work. Of ``known_s`` there
    are spans; the guesses are for time without any, and there is not even a guess for
    ``unknown_s``.
    ``holds_idle``: the baseline was not known, so ``j`` may hold some of it.
    """

    j: float = 0.0
    j_idle_share: float = 0.0
    inferred_j: float = 0.0
    guessed_j: float = 0.0
    guessed_idle_j: float = 0.0
    known_s: float = 0.0
    unknown_s: float = 0.0
    basis: Basis | None = None
    holds_idle: bool = False

    def add(self, other: "Energy") -> None:
        self.j += other.j
        self.j_idle_share += other.j_idle_share
        self.inferred_j += other.inferred_j
        self.guessed_j += other.guessed_j
        self.guessed_idle_j += other.guessed_idle_j
        self.known_s += other.known_s
        self.unknown_s += other.unknown_s
        self.basis = worse(self.basis, other.basis)
        self.holds_idle |= other.holds_idle


@dataclass(frozen=True, slots=True)
class Worked:
    """A span that says what work takes: ``watts`` above idle for ``seconds``.

    ``prompt_share`` is the part of its weighted rows that read prompts.
    """

    seconds: float
    watts: float
    prompt_share: float


@dataclass(slots=True)
class Attribution:
    """Where the energy of some spans went; ``idle_j`` holds the requests' idle shares too."""

    requests: dict[str, Energy] = field(default_factory=dict)
    idle_j: float = 0.0
    other_j: float = 0.0
    worked: list[Worked] = field(default_factory=list)
    rested: list[tuple[float, float]] = field(default_factory=list)
    """Seconds and watts above idle of spans without work."""

    @property
    def requests_j(self) -> float:
        return sum(energy.j for energy in self.requests.values())

    @property
    def total_j(self) -> float:
        """All of it: what went into the spans."""
        return self.requests_j + self.idle_j + self.other_j


def attribute(spans: Iterable[Span], work: Sequence[WorkDone], rates: Rates) -> Attribution:
    """Share out the energy of ``spans``; both are in the order of time.

    Work for whose time there is no span is guessed from ``rates``.
    """
    found = Attribution()
    covered_s = [0.0] * len(work)
    for span in spans:
        overlaps = [(at, _overlap_s(span, record)) for at, record in enumerate(work)]
        overlaps = [(at, overlap_s) for at, overlap_s in overlaps if overlap_s > 0]
        for at, overlap_s in overlaps:
            covered_s[at] += overlap_s
        _share_span(found, span, [(work[at], overlap_s) for at, overlap_s in overlaps], rates)
    for record, known_s in zip(work, covered_s, strict=True):
        missing_s = (record.end_s - record.begin_s) - known_s
        if missing_s > 0:
            _guess(found, record, missing_s, rates)
    return found


def clip(work: Iterable[WorkDone], start_s: float, end_s: float) -> list[WorkDone]:
    """The parts of records in the interval, with the same rows: only their ratio counts."""
    parts: list[WorkDone] = []
    for record in work:
        begin, end = max(start_s, record.begin_s), min(end_s, record.end_s)
        if begin < end:
            parts.append(
                record
                if (begin, end) == (record.begin_s, record.end_s)
                else WorkDone(
                    start=record.start, number=record.number, begin_s=begin, end_s=end,
                    rows=record.rows, ended=record.ended, goes_on=record.goes_on,
                )
            )  # fmt: skip
    return parts


def worse(one: Basis | None, other: Basis | None) -> Basis | None:
    """What may be said of two figures together."""
    if one is None or other is None:
        return one or other
    return max(one, other, key=_ORDER.index)


def _share_span(
    found: Attribution, span: Span, work: list[tuple[WorkDone, float]], rates: Rates
) -> None:
    duration_s = span.end_s - span.start_s
    idle_j = min(span.energy_j, (rates.idle_w or 0.0) * duration_s)
    dynamic_j = span.energy_j - idle_j
    found.idle_j += idle_j
    overlap_s = sum(each_s for _, each_s in work)
    if overlap_s == 0:
        found.other_j += dynamic_j
        found.rested.append((duration_s, dynamic_j / duration_s))
        return
    worked_s = min(duration_s, overlap_s)
    is_whole = worked_s >= _WHOLE * duration_s
    # From what is above idle, what others usually take while the engine rests.
    rest_j = 0.0 if is_whole else rates.other_w * (duration_s - worked_s)
    if worked_s >= _SAYS_MUCH * duration_s:
        watts = max(0.0, dynamic_j - rest_j) / worked_s
        found.worked.append(Worked(worked_s, watts, _prompt_share(work, rates.prompt_weight)))
    requests_j = (
        dynamic_j if is_whole else _worked_j(dynamic_j, rest_j, worked_s, duration_s, rates)
    )
    found.other_j += dynamic_j - requests_j
    idle_worked_j = idle_j * worked_s / duration_s
    for record, each_s in work:
        part = each_s / overlap_s
        if not record.rows:
            found.other_j += requests_j * part
            continue
        for name, weight, head in _shares(record, rates.prompt_weight):
            j = requests_j * part * weight
            energy = Energy(
                j=j,
                j_idle_share=idle_worked_j * part * head,
                inferred_j=0.0 if is_whole and rates.idle_w is not None else j,
                known_s=each_s,
                basis=span.basis,
                holds_idle=rates.idle_w is None,
            )
            found.requests.setdefault(name, Energy()).add(energy)


def _worked_j(
    dynamic_j: float, rest_j: float, worked_s: float, duration_s: float, rates: Rates
) -> float:
    """What requests took of a span that was worked in for a part of its time.

    All but what others usually take, up to a little more than work usually takes: a span may be a
    quarter of a minute long, and a backup may have run in it. Where the usual is not known, the
    energy is taken as even over the span.
    """
    if rates.working_w is None:
        return dynamic_j * worked_s / duration_s
    return min(max(0.0, dynamic_j - rest_j), _SURPLUS * rates.working_w * worked_s, dynamic_j)


def _guess(found: Attribution, record: WorkDone, missing_s: float, rates: Rates) -> None:
    for name, weight, head in _shares(record, rates.prompt_weight):
        energy = Energy(holds_idle=rates.idle_w is None)
        if rates.working_w is None:
            energy.unknown_s = missing_s
        else:
            energy.guessed_j = rates.working_w * missing_s * weight
            energy.guessed_idle_j = (rates.idle_w or 0.0) * missing_s * head
        found.requests.setdefault(name, Energy()).add(energy)


def _overlap_s(span: Span, record: WorkDone) -> float:
    return min(span.end_s, record.end_s) - max(span.start_s, record.begin_s)


def _weight(rows: Rows, prompt_weight: float) -> float:
    return rows.decode + prompt_weight * rows.prompt


def _shares(record: WorkDone, prompt_weight: float) -> list[tuple[str, float, float]]:
    """Each request with its part of the record's energy, and of the idle baseline meanwhile.

    Work is shared by what was computed; being switched on is shared by heads.
    """
    total = sum(_weight(rows, prompt_weight) for rows in record.rows)
    head = 1 / len(record.rows) if record.rows else 0.0
    return [
        (
            request_id(record.start, rows.request),
            _weight(rows, prompt_weight) / total if total else head,
            head,
        )
        for rows in record.rows
    ]


def _prompt_share(work: list[tuple[WorkDone, float]], prompt_weight: float) -> float:
    rows = [each for record, _ in work for each in record.rows]
    total = sum(_weight(each, prompt_weight) for each in rows)
    read = sum(prompt_weight * each.prompt for each in rows)
    return read / total if total else 0.0
