# SPDX-License-Identifier: Apache-2.0
"""Decisions of backups, without restic and without a disk that matters."""

import datetime as dt
from pathlib import Path

import pytest

from atre.backup.check_code import DIGITS, NUM_GROUPS, new_code, read_code
from atre.backup.damage import damaged
from atre.backup.event import Ended, Moved, Reached, Refused, Stored
from atre.backup.failure import error_for
from atre.backup.job_record import JobRecord
from atre.backup.keys import confirm_sheet, sheet_state, show_sheet, typed_key
from atre.backup.locks import Lock, may_unlock
from atre.backup.manifest import BackupManifest, ModelEntry, check_version
from atre.backup.models_wanted import address_of
from atre.backup.program import check_version as check_program
from atre.backup.restic import fault_told
from atre.backup.retention import keep_arguments
from atre.backup.schedule import backup_time, is_believable, is_drill_due, next_backup
from atre.backup.space import require_target_room
from atre.backup.verify import NUM_PARTS, part
from atre.errors import BackupError, BackupProblem
from atre.ipc.backup_replies import BackupPolicy, JobKind, JobState, SheetState, Stage
from atre.space.estimate import BackupSize, bytes_needed

PARIS_WINTER = dt.timezone(dt.timedelta(hours=1))


def at(day: int, hour: int, minute: int = 0) -> dt.datetime:
    return dt.datetime(2026, 11, day, hour, minute, tzinfo=PARIS_WINTER)


def test_a_code_is_read_however_it_is_typed() -> None:
    code = new_code()
    assert len(code.split("-")) == NUM_GROUPS
    assert read_code(code.lower().replace("-", " ")) == code
    assert read_code(code.replace("0", "O").replace("1", "l")) == code


def test_every_wrong_character_and_every_exchange_within_a_group_is_found() -> None:
    code = new_code()
    for place, right in enumerate(code):
        for wrong in DIGITS:
            if right not in ("-", wrong):
                with pytest.raises(BackupError, match=f"Group {place // 6 + 1}"):
                    read_code(code[:place] + wrong + code[place + 1 :])
    for first in range(len(code)):
        for second in range(first + 1, len(code)):
            if first // 6 != second // 6 or "-" in (code[first], code[second]):
                continue
            if code[first] == code[second]:
                continue
            swapped = list(code)
            swapped[first], swapped[second] = code[second], code[first]
            with pytest.raises(BackupError):
                read_code("".join(swapped))


def test_two_groups_that_changed_places_are_found() -> None:
    groups = new_code().split("-")
    groups[1], groups[4] = groups[4], groups[1]
    with pytest.raises(BackupError):
        read_code("-".join(groups))


@pytest.mark.parametrize("typed", ["", "ABC", "é" * 35, "0" * 400])
def test_nonsense_is_no_code(typed: str) -> None:
    with pytest.raises(BackupError):
        read_code(typed)


def test_the_sheet_counts_once_it_was_typed_back(tmp_path: Path) -> None:
    assert sheet_state(tmp_path) is SheetState.NONE
    sheet = show_sheet(tmp_path, "0123abcd", renew=False)
    assert sheet_state(tmp_path) is SheetState.UNCONFIRMED
    with pytest.raises(BackupError, match="another sheet"):
        confirm_sheet(tmp_path, new_code())
    confirm_sheet(tmp_path, sheet.key.lower())
    assert sheet_state(tmp_path) is SheetState.CONFIRMED
    assert typed_key(sheet.payload) == sheet.key
    assert show_sheet(tmp_path, "0123abcd", renew=True).key != sheet.key
    assert sheet_state(tmp_path) is SheetState.UNCONFIRMED
    assert (tmp_path / "backup-sheet.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("now", "last", "tried", "due"),
    [
        (at(22, 9), None, None, at(22, 2)),
        (at(22, 1), None, None, at(21, 2)),
        (at(22, 9), at(22, 2, 5), None, at(23, 2)),
        (at(22, 9), at(21, 23), None, at(22, 2)),
        (at(22, 2, 10), at(21, 2), at(22, 2, 9), at(22, 3, 9)),
    ],
)
def test_when_a_backup_is_due(
    now: dt.datetime, last: dt.datetime | None, tried: dt.datetime | None, due: dt.datetime
) -> None:
    assert next_backup(now, 2, last.timestamp() if last else None, tried) == due


def test_a_clock_that_was_never_set_orders_nothing_and_thins_nothing() -> None:
    unset = dt.datetime(1970, 1, 1, 0, 5, tzinfo=dt.UTC)
    newest = at(22, 2).timestamp()
    assert not is_believable(unset, None)
    assert not is_believable(at(21, 2), newest)
    assert is_believable(at(22, 3), newest)
    assert backup_time(unset, newest).timestamp() == newest + 1
    assert backup_time(unset, None).year == 2026
    assert backup_time(at(22, 3), newest) == at(22, 3)


def test_a_drill_is_due_weekly_and_at_first() -> None:
    now = at(22, 9)
    assert is_drill_due(now, 7, None)
    assert not is_drill_due(now, 7, at(20, 9).timestamp())
    assert is_drill_due(now, 7, at(15, 9).timestamp())
    assert not is_drill_due(now, 0, None)


def test_the_newest_backup_always_stays() -> None:
    nothing = BackupPolicy(keep_hourly=0, keep_daily=0, keep_weekly=0, keep_monthly=0)
    assert keep_arguments(nothing) == ["--keep-last", "1"]
    assert "--keep-weekly" in keep_arguments(BackupPolicy())


def test_ten_checks_read_everything() -> None:
    assert {part(number) for number in range(3, 3 + NUM_PARTS)} == {
        f"{number}/{NUM_PARTS}" for number in range(1, NUM_PARTS + 1)
    }


def test_locks_of_our_dead_are_taken_away_and_no_others() -> None:
    ours, dead = Lock("here", 10), Lock("here", 11)
    assert may_unlock([dead], "here", lambda _: False)
    assert not may_unlock([ours, dead], "here", lambda pid: pid == 10)
    assert not may_unlock([], "here", lambda _: False)
    with pytest.raises(BackupError, match="'elsewhere'") as raised:
        may_unlock([dead, Lock("elsewhere", 1)], "here", lambda _: False)
    assert raised.value.problem is BackupProblem.LOCKED


@pytest.mark.parametrize("line", ["restic 0.14.0 compiled with", "restic 0.17.3", "", "borg 1.4"])
def test_an_old_restic_is_refused(line: str) -> None:
    with pytest.raises(BackupError, match=r"0\.18\.0 or later"):
        check_program(Path("/bin/restic"), line)


def test_a_new_restic_is_taken() -> None:
    assert check_program(Path("/r"), "restic 0.18.0 compiled with go").version == "0.18.0"
    assert check_program(Path("/r"), "restic 1.2.3").version == "1.2.3"


@pytest.mark.parametrize(
    ("status", "said", "problem"),
    [
        (10, "", BackupProblem.EMPTY),
        (11, "", BackupProblem.LOCKED),
        (12, "", BackupProblem.WRONG_KEY),
        (3, "x", BackupProblem.DAMAGED),
        (1, "write: no space left on device", BackupProblem.FULL),
        (1, "open: read-only file system", BackupProblem.TARGET_AWAY),
        (1, "ciphertext verification failed", BackupProblem.DAMAGED),
        (2, "", BackupProblem.OTHER),
    ],
)
def test_what_restic_says_becomes_a_sentence(
    status: int, said: str, problem: BackupProblem
) -> None:
    error = error_for(status, said)
    assert error.problem is problem
    assert str(error) != error.french


def test_what_does_not_fit_on_the_target_names_both_numbers() -> None:
    size = BackupSize(total_bytes=10**9, changed_bytes=10**6)
    require_target_room(size, bytes_needed(size))
    with pytest.raises(BackupError, match="Nothing was written") as refused:
        require_target_room(size, bytes_needed(size) - 1)
    assert refused.value.problem is BackupProblem.FULL


def manifest(version: str, number: int = 1) -> BackupManifest:
    return BackupManifest(
        format=number, unit="0123abcd", version=version, architecture="riscv64", at=0.0,
        files=(), tables=(), models=(), chosen_model=None,
    )  # fmt: skip


def test_a_newer_backup_is_refused_and_an_older_one_is_not() -> None:
    check_version(manifest("0.9.0"), "0.10.0")
    check_version(manifest("0.10.0"), "0.10.0")
    for newer in (manifest("0.11.0"), manifest("0.1.0", number=2)):
        with pytest.raises(BackupError) as raised:
            check_version(newer, "0.10.0")
        assert raised.value.problem is BackupProblem.NEWER


def test_a_model_of_the_hub_can_be_fetched_and_an_imported_one_cannot() -> None:
    def entry(source: str) -> ModelEntry:
        return ModelEntry(
            name="m", sha256=("0" * 64,), size_bytes=1, source=source, kind="model",
            is_included=False,
        )  # fmt: skip

    assert address_of(entry("hub:Qwen/Q-GGUF/q.gguf@abc")) == "Qwen/Q-GGUF/q.gguf"
    assert address_of(entry("import")) is None


def test_a_job_tells_its_stage_its_time_left_and_its_end() -> None:
    record = JobRecord("1", JobKind.BACKUP, "disk", now_s=0.0)
    record.hear(Reached(stage=Stage.FETCHING), 10.0)
    record.hear(Moved(fraction=0.25, done_bytes=1, size_bytes=4, left_s=None), 12.0)
    report = record.report(15.0)
    assert (report.stage, report.fraction, report.left_s) == (Stage.FETCHING, 0.25, 15.0)
    record.hear(Stored(snapshot="ab"), 16.0)
    record.hear(Refused(problem="target_full", message="full", french="plein"), 17.0)
    record.hear(Ended(), 18.0)
    report = record.report(19.0)
    assert (report.state, report.snapshot) == (JobState.FAILED, "ab")
    assert (report.message, report.message_fr) == ("full", "plein")


def test_a_job_that_is_lost_failed_and_one_that_is_cancelled_did_not() -> None:
    lost, cancelled = (JobRecord("1", JobKind.DRILL, "d", now_s=0.0) for _ in range(2))
    cancelled.cancel()
    for each in (lost, cancelled):
        each.lose()
    assert lost.report(1.0).problem == BackupProblem.JOB_LOST
    assert cancelled.report(1.0).state is JobState.CANCELLED


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        (
            "Save(<data/e7>) returned error, retrying after 9.4ms: write /a: b: input/output error",
            "input/output error",
        ),
        (
            "Load(<index/7e>) returned error, retrying after 2s: no such device",
            "no such device",
        ),
        ("Save(<data/2e>) failed: write /x: no space left on device", "no space left on device"),
        ("Save(<data/2e>) returned error, retrying after 1s: context deadline", ""),
        ("Fatal: no space left on device", ""),
    ],
)
def test_a_disk_that_is_gone_or_full_is_heard_in_what_restic_says(said: str, fault: str) -> None:
    assert fault_told(said.encode() + b"\n") == fault


def test_damaged_backups_are_named_the_newest_first() -> None:
    error = damaged(
        {"a" * 64: at(1, 2), "b" * 64: at(2, 2), "c" * 64: at(3, 2), "d" * 64: at(4, 2)}
    )
    assert error.problem is BackupProblem.DAMAGED
    assert str(error).index("dddddddd") < str(error).index("cccccccc")
    assert "aaaaaaaa" not in str(error)
    assert "and 1 more" in str(error)
    assert "et 1 de plus" in error.french
    assert "cannot be told which" in str(damaged({}))
