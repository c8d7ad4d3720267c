# SPDX-License-Identifier: Apache-2.0
"""The judge of replayed states, on a made disk: what may be passes, what must not be is found."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.image import programs
from tests.image.crash_states import Piece
from tests.image.data_partition import Expected, Promise, judge_data
from tests.image.judge import Judge, Verdict
from tests.image.log_writer import LogWriter
from tests.image.made_disk import (
    CANARY,
    CONFIRMED,
    DATABASE,
    FRESH_TRY,
    MIB,
    ON_TRIAL,
    PROGRAMS,
    SETTLED,
    MadeDisk,
    make,
)
from tests.image.replay_report import Tally
from tests.image.slots import IMAGES, Slots
from tests.image.walk import Run, walk
from tests.image.working_disk import WorkingDisk
from tests.image.write_log import WriteLog

pytestmark = pytest.mark.skipif(
    bool(programs.missing(PROGRAMS)), reason=f"not installed: {programs.missing(PROGRAMS)}"
)


Case = Callable[[LogWriter, MadeDisk], None]
TRY_AND_CHOICE = {"try": FRESH_TRY, "choice__1": ON_TRIAL}


def install(writer: LogWriter, disk: MadeDisk, *parts: str, is_flushed: bool = False) -> None:
    """Version "new" into slot b, as RAUC does: one partition after the other."""
    for part in parts or IMAGES:
        content = (disk.versions["new"] / IMAGES[part]).read_bytes()
        start = disk.start(f"{part}-b")
        for place in range(0, len(content), 64 * 1024):
            writer.write(start + place, content[place : place + 64 * 1024])
        if is_flushed:
            writer.flush()


def write_esp(writer: LogWriter, disk: MadeDisk, **files: bytes) -> None:
    """Only the sectors that change."""
    before, after = disk.esp_with(), disk.esp_with(**files)
    for place in range(0, len(after), 512):
        if before[place : place + 512] != after[place : place + 512]:
            writer.write(disk.start("esp") + place, after[place : place + 512])


def a_torn_good_slot(writer: LogWriter, disk: MadeDisk) -> None:
    writer.write(disk.start("root-a") + 4096, bytes(512))


def slot_b_good_and_slot_a_half_written(writer: LogWriter, disk: MadeDisk) -> None:
    install(writer, disk)
    writer.write(disk.start("root-a"), b"the next" * 64)
    write_esp(writer, disk, choice__1=CONFIRMED)


def the_same_with_both_choices_destroyed(writer: LogWriter, disk: MadeDisk) -> None:
    install(writer, disk)
    writer.write(disk.start("root-a"), b"the next" * 64)
    write_esp(writer, disk, choice__0=b"#" * 1024, choice__1=b"#" * 1024)


def another_loader(writer: LogWriter, disk: MadeDisk) -> None:
    writer.write(disk.start("esp"), disk.esp_without("EFI/BOOT/BOOTX64.EFI"))


def no_rule(writer: LogWriter, disk: MadeDisk) -> None:
    writer.write(disk.start("esp"), disk.esp_without("atre/grub.cfg"))


def a_lost_canary(writer: LogWriter, disk: MadeDisk) -> None:
    writer.write(disk.start("data"), disk.data_after(f"rm {CANARY}"))


def a_damaged_canary_and_database(writer: LogWriter, disk: MadeDisk) -> None:
    edits = [f"rm {path}\nwrite {{garbage}} {path}" for path in (CANARY, DATABASE)]
    writer.write(disk.start("data"), disk.data_after(*edits))


def a_partition_that_nobody_formats(writer: LogWriter, disk: MadeDisk) -> None:
    writer.write(disk.start("data"), bytes(MIB))


def both_tables_torn(writer: LogWriter, disk: MadeDisk) -> None:
    writer.write(1024, bytes(512))  # the first entries
    writer.write(disk.base.stat().st_size - 512, bytes(512))


def a_torn_table(writer: LogWriter, disk: MadeDisk) -> None:
    head = bytearray(disk.base.read_bytes()[512:1024])
    head[56] ^= 1  # of the disk's GUID: only the sum tells
    writer.write(512, bytes(head))


def an_esp_that_was_mounted(writer: LogWriter, disk: MadeDisk) -> None:
    esp = bytearray(disk.esp_with()[:512])
    esp[0x25] |= 1  # FAT12 and FAT16: the dirty bit
    writer.write(disk.start("esp"), bytes(esp))


def two_files_in_one_place(writer: LogWriter, disk: MadeDisk) -> None:
    esp = bytearray(disk.esp_with(choice__1=SETTLED))
    first, second = (esp.index(name) + 26 for name in (b"CHOICE-0ENV", b"CHOICE-1ENV"))
    esp[second : second + 2] = esp[first : first + 2]
    writer.write(disk.start("esp"), bytes(esp))


NO_VERSION = "unbootable: slot a starts as good and is no known version"
WRONG: dict[Case, str] = {
    a_torn_good_slot: NO_VERSION,
    the_same_with_both_choices_destroyed: NO_VERSION,
    another_loader: "unbootable: the loader is not what was shipped",
    no_rule: "unbootable: its rule, grub.cfg, is not what was shipped",
    a_lost_canary: f"data: canary {CANARY} is lost",
    a_damaged_canary_and_database: f"data: canary {CANARY} is damaged; data: database {DATABASE}: ",
    a_partition_that_nobody_formats: "data: a partition without a file system",
    both_tables_torn: "unbootable: the partition table cannot be used",
}
RIGHT: dict[Case, str] = {
    slot_b_good_and_slot_a_half_written: "",
    a_torn_table: "partition table: the firmware takes the backup",
    an_esp_that_was_mounted: "",
    two_files_in_one_place: "share clusters",
}


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> MadeDisk:
    return make(tmp_path_factory.mktemp("disk"))


@pytest.fixture(scope="module")
def verdicts(disk: MadeDisk, tmp_path_factory: pytest.TempPathFactory) -> dict[Case, Verdict]:
    """Each case by itself, on the disk as it was made."""
    work, writer = tmp_path_factory.mktemp("cases"), LogWriter()
    for case in [*WRONG, *RIGHT]:
        case(writer, disk)
        writer.flush()
    log = WriteLog(writer.save(work / "log"))
    expected = Expected(canaries=disk.canaries, databases=[DATABASE])
    slots = Slots(disk.base, disk.table, disk.versions)
    found = {}
    with WorkingDisk(disk.base, work / "disk", left_out=Slots.spans(disk.table)) as working:
        judge = Judge(working, slots, work, disk.table, expected)
        for case, epoch in zip([*WRONG, *RIGHT], log.epochs, strict=False):
            pieces = [Piece(write) for write in epoch.writes]
            old = working.try_out(log, pieces)
            found[case] = judge.judge(log, pieces)
            working.undo(old)
    return found


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case.__name__)
def test_what_must_not_be_is_found(verdicts: dict[Case, Verdict], case: Case) -> None:
    assert "; ".join(verdicts[case].problems).startswith(WRONG[case])
    unbootable = WRONG[case].startswith("unbootable")
    assert (verdicts[case].outcome.version is None) == unbootable


@pytest.mark.parametrize("case", RIGHT, ids=lambda case: case.__name__)
def test_what_may_be_passes_and_is_noted(verdicts: dict[Case, Verdict], case: Case) -> None:
    assert verdicts[case].problems == ()
    assert verdicts[case].data == "intact"
    notes = "; ".join(verdicts[case].notes)
    assert RIGHT[case] in notes
    assert bool(notes) == bool(RIGHT[case])


@pytest.mark.parametrize(
    ("expected", "problem"),
    [
        (Expected(Promise.KEPT, {CANARY: "0"}), f"data: canary {CANARY} is lost"),
        (Expected(Promise.RESET, {CANARY: "0"}), f"data: canary {CANARY} is lost"),
        (Expected(Promise.RESET, {}, {CANARY: "0"}, [DATABASE]), ""),
        (Expected(Promise.KEPT, {}, {CANARY: "0"}, [DATABASE]), "data: database "),
        (Expected(Promise.MADE, {CANARY: "0"}, {}, [DATABASE]), ""),
    ],
)
def test_what_may_be_gone_depends_on_what_was_cut(
    disk: MadeDisk, tmp_path: Path, expected: Expected, problem: str
) -> None:
    image = tmp_path / "data.img"
    image.write_bytes(disk.data_after(f"rm {CANARY}", f"rm {DATABASE}"))
    found = judge_data(image, tmp_path, expected)
    assert "; ".join(found.problems).startswith(problem)
    assert found.state == ("damaged" if problem else "intact")


def walked(disk: MadeDisk, writer: LogWriter, work: Path, replays: int) -> Tally:
    log = WriteLog(writer.save(work / "log"))
    expected = Expected(canaries=disk.canaries, databases=[DATABASE])
    return walk(Run(disk.base, log, disk.versions, expected, replays=replays), work)[1]


def test_an_installation_in_order_leaves_old_or_new_wherever_it_is_cut(
    disk: MadeDisk, tmp_path: Path
) -> None:
    writer = LogWriter()
    install(writer, disk, is_flushed=True)
    write_esp(writer, disk, **{"try": FRESH_TRY})
    writer.flush()
    write_esp(writer, disk, **TRY_AND_CHOICE)
    writer.flush()
    tally = walked(disk, writer, tmp_path, 12)
    assert [each for _, each in tally.failures] == []
    assert (tally.unbootable, tally.replays) == (0, 12)
    assert set(tally.versions) == {"old", "new"}
    assert tally.data == {"intact": 12}
    assert tally.trials == tally.versions["new"]


def test_a_choice_before_the_slot_is_whole_is_found(disk: MadeDisk, tmp_path: Path) -> None:
    """An installer that forgets to flush: some cuts leave the trial torn."""
    writer = LogWriter()
    write_esp(writer, disk, **TRY_AND_CHOICE)
    install(writer, disk, "boot", is_flushed=True)
    install(writer, disk, "root", "verity")
    tally = walked(disk, writer, tmp_path, 6)
    assert tally.unbootable == 0
    assert any("torn trial" in each for _, found in tally.failures for each in found)
