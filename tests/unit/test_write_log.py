# SPDX-License-Identifier: Apache-2.0
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.image.log_writer import FLUSH, FUA, LogWriter
from tests.image.write_log import LogError, Write, WriteLog

SECTOR = 512
A, B, C, D = (bytes([letter]) * SECTOR for letter in b"ABCD")
tmp_is_reused = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A, B and a flush; a discard, C with FUA and a mark; a flush that D follows at once."""
    writer = LogWriter()
    writer.write(0, A)
    writer.write(4096, B + B)
    writer.flush()
    writer.discard(8192, 1024)
    writer.write(0, C, FUA)
    writer.mark(b"installed")
    writer.write(512, D, FLUSH)
    return writer.save(tmp_path / "log")


def test_writes_stand_between_the_flushes_that_came(log: Path) -> None:
    found = WriteLog(log)
    assert found.n_writes == 5
    assert [[write.offset for write in epoch.writes] for epoch in found.epochs] == [
        [0, 4096],
        [8192, 0],
        [512],
    ]
    discard, fua = found.epochs[1].writes
    assert (discard.data_at, discard.length, fua.is_fua) == (None, 1024, True)


def test_what_was_written_is_read_back_in_parts(log: Path) -> None:
    found = WriteLog(log)
    (a, b), (discard, c), (d,) = (epoch.writes for epoch in found.epochs)
    whole = [found.data(write, 0, write.length) for write in (a, b, c, d, discard)]
    assert whole == [A, B + B, C, D, bytes(1024)]
    assert found.data(b, SECTOR, 10) == B[:10]


def test_sectors_may_be_larger(tmp_path: Path) -> None:
    log = tmp_path / "log"
    head = struct.pack("<QQQI", 0x6A736677736872, 1, 1, 4096).ljust(4096, b"\0")
    entry = struct.pack("<QQQQ", 3, 1, 0, 0).ljust(4096, b"\0")
    log.write_bytes(head + entry + A * 8)
    (epoch,) = WriteLog(log).epochs
    assert epoch.writes == (Write(0, 3 * 4096, 4096, 8192),)


def test_a_log_that_ends_early_is_refused_wherever_it_ends(log: Path) -> None:
    whole = log.read_bytes()
    for length in range(SECTOR, len(whole), 32):
        log.write_bytes(whole[:length])
        with pytest.raises(LogError, match="cut short: it says 7 entries"):
            WriteLog(log)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (bytes(SECTOR), "has no head"),
        (b"GPT garbage, much of it." * 40, "is no write log"),
        (struct.pack("<QQQI", 0x6A736677736872, 2, 1, 512), "version 2"),
        (struct.pack("<QQQI", 0x6A736677736872, 1, 1, 500), "sectors of 500 bytes"),
        (struct.pack("<QQQI", 0x6A736677736872, 1, 0, 512), "has no entries"),
    ],
)
def test_what_is_no_log_is_told_in_a_sentence(tmp_path: Path, content: bytes, why: str) -> None:
    log = tmp_path / "log"
    log.write_bytes(content)
    with pytest.raises(LogError, match=why):
        WriteLog(log)


@pytest.mark.parametrize("place", [SECTOR + 16 + 5, SECTOR + 40, 2 * SECTOR - 1])
def test_data_where_an_entry_should_be_is_told(log: Path, place: int) -> None:
    content = bytearray(log.read_bytes())
    content[place] = 7
    log.write_bytes(content)
    with pytest.raises(LogError, match="what should be entry 0 is none"):
        WriteLog(log)


def test_a_log_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="cannot be read"):
        WriteLog(tmp_path / "log")


@tmp_is_reused
@given(garbage=st.binary(min_size=32, max_size=600), number=st.integers(0, 2**64 - 1))
def test_garbage_after_a_right_head_is_refused_or_read(
    tmp_path: Path, garbage: bytes, number: int
) -> None:
    log = tmp_path / "log"
    head = struct.pack("<QQQI", 0x6A736677736872, 1, number, SECTOR)
    log.write_bytes(head.ljust(SECTOR, b"\0") + garbage)
    try:
        found = WriteLog(log)
    except LogError:
        return
    assert found.n_entries == 1
