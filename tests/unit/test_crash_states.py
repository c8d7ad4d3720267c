# SPDX-License-Identifier: Apache-2.0
import random
from pathlib import Path

import pytest
from tests.image.crash_states import SECTOR, Kind, Piece, crash_state, plan
from tests.image.log_writer import FUA, LogWriter
from tests.image.partition_table import Partition, Table
from tests.image.slots import IMAGES, Content, Slots
from tests.image.working_disk import Span, WorkingDisk
from tests.image.write_log import Epoch, LogError, Write, WriteLog

MIB = 2**20
FUA_EPOCH = Epoch(3, tuple(Write(n, n * 4096, 4096, 0, is_fua=n % 3 == 2) for n in range(9)))


def random_log(path: Path, disk_bytes: int, seed: int) -> WriteLog:
    """Overlapping writes of all sizes, discards, and a flush after each fifth or so."""
    choose, writer = random.Random(seed), LogWriter()
    for _ in range(120):
        length = SECTOR * choose.choice([1, 2, 8, 40, 300])
        offset = SECTOR * choose.randrange((disk_bytes - length) // SECTOR)
        if choose.random() < 0.2:
            writer.discard(offset, length)
        else:
            flags = FUA if choose.random() < 0.2 else 0
            writer.write(offset, choose.randbytes(SECTOR) * (length // SECTOR), flags)
        if choose.random() < 0.2:
            writer.flush()
    return WriteLog(writer.save(path))


def test_the_same_seed_leaves_the_same_state_and_another_seed_another() -> None:
    states = [crash_state(FUA_EPOCH, 1, number) for number in range(40)]
    assert states == [crash_state(FUA_EPOCH, 1, number) for number in range(40)]
    assert states != [crash_state(FUA_EPOCH, 2, number) for number in range(40)]
    assert {state.kind for state in states} == set(Kind)


def test_a_cut_keeps_each_fua_write_before_the_last_and_order() -> None:
    for number in range(1, 300):
        state = crash_state(FUA_EPOCH, 1, number)
        numbers = [piece.write.number for piece in state.pieces]
        assert numbers == sorted(set(numbers))
        done = {n for n in range(max(numbers, default=-1) + 1) if FUA_EPOCH.writes[n].is_fua}
        assert done <= {piece.write.number for piece in state.pieces if piece.sectors is None}


@pytest.mark.parametrize("n_sectors", [2, 3, 8, 64, 65, 2000])
def test_a_torn_write_lacks_a_sector_and_has_one(n_sectors: int) -> None:
    epoch = Epoch(0, (Write(0, 0, SECTOR * n_sectors, 0),))
    torn = {crash_state(epoch, 1, number).pieces[:1] for number in range(1, 60)} - {()}
    assert len(torn) > 2
    for (piece,) in torn:
        if piece.sectors is not None:
            there = [first + n for first, length in piece.sectors for n in range(length)]
            assert 0 < len(set(there)) == len(there) < n_sectors
            assert set(there) <= set(range(n_sectors))


def test_a_plan_has_boundaries_weighty_epochs_and_no_state_twice(tmp_path: Path) -> None:
    epochs = random_log(tmp_path / "log", MIB, 1).epochs
    states = plan(epochs, seed=5, replays=300, weighty=[4])
    assert len(states) == 300
    assert len({(state.epoch, state.pieces) for state in states}) == 300
    assert {state.epoch for state in states if state.number == 0} == set(range(len(epochs)))
    assert states == sorted(states, key=lambda state: (state.epoch, state.number))
    few = plan(epochs, seed=5, replays=9, weighty=[4], may_tear=False)
    assert len(few) == 9
    assert all(state.kind is not Kind.TORN for state in few)


def test_a_short_log_has_only_so_many_states() -> None:
    epochs = [Epoch(0, (Write(0, 0, SECTOR, 0),)), Epoch(1, ())]
    assert len(plan(epochs, seed=1, replays=1000, weighty=[])) == 3


@pytest.mark.parametrize("seed", range(3))
def test_what_was_tried_out_is_undone_byte_for_byte(tmp_path: Path, seed: int) -> None:
    base = tmp_path / "base"
    content = bytearray(random.Random(seed).randbytes(MIB // 2) + bytes(MIB // 2))
    base.write_bytes(content)
    log = random_log(tmp_path / "log", MIB, seed)
    with WorkingDisk(base, tmp_path / "disk") as disk:
        for epoch in log.epochs:
            for number in range(4):
                state = crash_state(epoch, seed, number)
                old = disk.try_out(log, state.pieces)
                assert disk.read(0, MIB) == laid_over(content, log, list(state.pieces))
                disk.undo(old)
                assert disk.read(0, MIB) == content
            pieces = [Piece(write) for write in epoch.writes]
            disk.write(log, pieces)
            content = laid_over(content, log, pieces)
        assert disk.read(0, MIB) == content


def test_what_is_left_out_is_neither_copied_nor_written(tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.write_bytes(b"x" * 8192)
    writer = LogWriter()
    writer.write(1024, b"new" * 1024)
    log = WriteLog(writer.save(tmp_path / "log"))
    with WorkingDisk(base, tmp_path / "disk", left_out=[Span(2048, 1024)]) as disk:
        disk.write(log, map(Piece, log.epochs[0].writes))
        assert disk.read(2048, 1024) == bytes(1024)
        assert disk.read(1024, 1024) == (b"new" * 1024)[:1024]
        assert disk.read(3072, 1024) == (b"new" * 1024)[2048:]
        assert disk.read(4096, 4096) == b"x" * 4096


def test_a_log_of_a_larger_disk_is_told(tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.write_bytes(bytes(4096))
    writer = LogWriter()
    writer.write(4096, bytes(512))
    log = WriteLog(writer.save(tmp_path / "log"))
    with (
        WorkingDisk(base, tmp_path / "disk") as disk,
        pytest.raises(LogError, match="beyond the end"),
    ):
        disk.write(log, map(Piece, log.epochs[0].writes))


@pytest.mark.parametrize("seed", range(3))
def test_slots_say_what_comparing_every_byte_says(tmp_path: Path, seed: int) -> None:
    """Writes of either version's images, some of them torn or lost, over slots of garbage."""
    choose = random.Random(seed)
    sizes = {"boot": 3 * SECTOR, "root": 9 * SECTOR, "verity": 2 * SECTOR}
    versions = {}
    for name in ("old", "new"):
        versions[name] = tmp_path / name
        versions[name].mkdir()
        for part, size in sizes.items():
            (versions[name] / IMAGES[part]).write_bytes(choose.randbytes(size))
    labels = [f"{part}-{slot}" for slot in "ab" for part in sizes]
    table = Table(
        tuple(
            Partition(n, label, (n + 1) * 8192, 8192, bytes([n])) for n, label in enumerate(labels)
        )
    )
    base = tmp_path / "base"
    base.write_bytes(bytes(8192 * 8))
    writer = LogWriter()
    for label in labels * 3:
        part, place = label[:-2], 8192 * (labels.index(label) + 1)
        version = choose.choice(["old", "new"])
        writer.write(place, (versions[version] / IMAGES[part]).read_bytes())
        if choose.random() < 0.1:
            writer.discard(place - SECTOR, 2 * SECTOR)
        if choose.random() < 0.3:
            writer.flush()
    log = WriteLog(writer.save(tmp_path / "log"))
    slots, content = Slots(base, table, versions), bytearray(base.read_bytes())
    seen = set[Content]()
    for epoch in log.epochs:
        for number in range(12):
            pieces = crash_state(epoch, seed, number).pieces
            expected = compared(table, laid_over(content, log, list(pieces)), versions)
            assert slots.contents(log, pieces) == expected
            seen.update(expected.values())
        pieces = tuple(map(Piece, epoch.writes))
        slots.write(log, pieces)
        content = laid_over(content, log, list(pieces))
    assert len(seen) > 3


def laid_over(content: bytearray, log: WriteLog, pieces: list[Piece]) -> bytearray:
    """The plain way."""
    after = bytearray(content)
    for piece in pieces:
        for start, length in piece.spans():
            place = piece.write.offset + start
            after[place : place + length] = log.data(piece.write, start, length)
    return after


def compared(table: Table, disk: bytearray, versions: dict[str, Path]) -> dict[str, Content]:
    """The plain way."""
    found = {}
    for slot in "ab":
        held = dict[str, frozenset[str]]()
        for part, name in IMAGES.items():
            partition = table.named(f"{part}-{slot}")
            assert partition
            images = {version: (path / name).read_bytes() for version, path in versions.items()}
            held[part] = frozenset(
                version
                for version, image in images.items()
                if disk[partition.start : partition.start + len(image)] == image
            )
        found[slot] = Content(held["boot"], held["root"] & held["verity"])
    return found
