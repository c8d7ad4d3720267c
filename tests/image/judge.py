# SPDX-License-Identifier: Apache-2.0
"""Whether the box comes back from a state of its disk, with which version, and with its data."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tests.image.boot_outcome import BootFiles, Outcome, outcome
from tests.image.crash_states import Piece
from tests.image.data_partition import DataVerdict, Expected, absent, judge_data
from tests.image.esp import EspView, damage, grub_reads, mended, read_esp
from tests.image.partition_table import Partition, Table, read_table
from tests.image.slots import Content, Slots
from tests.image.working_disk import Span, WorkingDisk
from tests.image.write_log import LogError, Write, WriteLog

from atre.system.slot import Slot
from atre.updates.boot_rule import SLOTS

_DATA = "data"
_ELSEWHERE = "elsewhere"  # the data, the table, and what lies between

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Verdict:
    """``problems`` are what must not be; ``notes`` what is worth counting."""

    outcome: Outcome
    data: str
    problems: tuple[str, ...]
    notes: tuple[str, ...]


class Judge:
    """Judges ``disk`` as it is now, and remembers what it found of parts that stay the same.

    ``slots`` is as the durable part of the log left it, ``disk`` has the pieces on top, too.
    """

    def __init__(
        self, disk: WorkingDisk, slots: Slots, work: Path, table: Table, expected: Expected
    ) -> None:
        self._disk, self._slots, self._work, self._expected = disk, slots, work, expected
        self._shipped = {each.number: each for each in table.partitions if each.name != _DATA}
        self._parts = {
            name: _span(_must(table, name)) for name in ("esp", *(f"boot-{slot}" for slot in SLOTS))
        }
        self._quiet = (*self._parts.values(), *Slots.spans(table))
        self._durable = dict.fromkeys((*self._parts, _ELSEWHERE), 0)
        self._known: dict[Hashable, object] = {}
        self._first = self._esp(())[0]
        if self._first.loader is None or self._first.rule is None:
            raise LogError("The base disk has no loader that can be read: it would not start.")

    def is_weighty(self, write: Write) -> bool:
        """Whether it changes what decides on the start, rather than what is started, or data."""
        first = min(each.start for each in self._shipped.values())
        edges = (Span(0, first), Span(self._disk.size - first, first))
        return any(span.is_touched_by(write) for span in (*edges, self._parts["esp"]))

    def made_durable(self, writes: Sequence[Write]) -> None:
        """Forget what was found of the parts that these writes change."""
        for name in self._durable:
            if any(self._touches(write, name) for write in writes):
                self._durable[name] += 1

    def judge(self, log: WriteLog, pieces: Sequence[Piece]) -> Verdict:
        """The box as the cut leaves it."""
        table = read_table(self._disk.read, self._disk.size)
        if table is None or not self._is_as_shipped(table):
            why = "the partition table cannot be used" if table is None else "the slots moved"
            return Verdict(Outcome(None), "unknown", (f"unbootable: {why}",), ())
        notes = ["partition table: the firmware takes the backup"] if table.is_repaired else []
        contents = self._slots.contents(log, pieces)
        readable = frozenset(slot for slot in SLOTS if self._is_readable(slot, pieces))
        view, mended_view, found = self._esp(pieces)
        ended = self._outcome(view, readable, contents)
        problems = list(ended.problems)
        if mended_view is not None:
            after = self._outcome(mended_view, readable, contents)
            problems += [f"once the ESP is mended: {each}" for each in after.problems]
            if after.slot != ended.slot:
                notes.append("ESP: mended, another slot starts")
        data = self._data(table, pieces)
        notes += [f"ESP: {each}" for each in found] + list(data.notes)
        return Verdict(ended, data.state, (*problems, *data.problems), tuple(notes))

    def _outcome(
        self, view: EspView, readable: frozenset[Slot], contents: dict[Slot, Content]
    ) -> Outcome:
        for name, found, first in (
            ("the loader", view.loader, self._first.loader),
            ("its rule, grub.cfg,", view.rule, self._first.rule),
        ):
            if found != first:
                return Outcome(None, problems=(f"unbootable: {name} is not what was shipped",))
        return outcome(BootFiles(view.choices, view.try_block, readable), contents)

    def _esp(self, pieces: Sequence[Piece]) -> tuple[EspView, EspView | None, tuple[str, ...]]:
        """What is read of the ESP; what would be if it was mended, where that is needed."""

        def look() -> tuple[EspView, EspView | None, tuple[str, ...]]:
            image = self._extract("esp", self._parts["esp"])
            found = damage(image)
            return read_esp(image), read_esp(mended(image)) if found else None, found

        return self._remembered("esp", pieces, look)

    def _is_readable(self, slot: Slot, pieces: Sequence[Piece]) -> bool:
        """Whether GRUB finds the slot's own part of the rule."""

        def look() -> bool:
            image = self._extract(f"boot-{slot}", self._parts[f"boot-{slot}"])
            return grub_reads(image, "slot.cfg") is not None

        return self._remembered(f"boot-{slot}", pieces, look)

    def _data(self, table: Table, pieces: Sequence[Piece]) -> DataVerdict:
        def look() -> DataVerdict:
            partition = table.named(_DATA)
            if partition is None:
                return absent(self._expected)
            image = self._extract(_DATA, _span(partition))
            return judge_data(image, self._work, self._expected)

        return self._remembered(_ELSEWHERE, pieces, look)

    def _remembered(self, name: str, pieces: Sequence[Piece], look: Callable[[], Found]) -> Found:
        on_top = tuple(
            (piece.write.number, piece.sectors)
            for piece in pieces
            if self._touches(piece.write, name)
        )
        key = name, self._durable[name], on_top
        if key not in self._known:
            self._known[key] = look()
        return self._known[key]  # type: ignore[return-value]

    def _touches(self, write: Write, name: str) -> bool:
        if name != _ELSEWHERE:
            return self._parts[name].is_touched_by(write)
        return not any(
            span.start <= write.offset and write.offset + write.length <= span.end
            for span in self._quiet
        )

    def _extract(self, name: str, span: Span) -> Path:
        image = self._work / f"{name}.img"
        self._disk.extract(span, image)
        return image

    def _is_as_shipped(self, table: Table) -> bool:
        now = {each.number: each for each in table.partitions}
        return all(now.get(number) == each for number, each in self._shipped.items())


def _must(table: Table, name: str) -> Partition:
    found = table.named(name)
    if found is None:
        raise LogError(f"The base disk has no partition {name}: it is none of this image.")
    return found


def _span(partition: Partition) -> Span:
    return Span(partition.start, partition.length)
