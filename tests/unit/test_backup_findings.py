# SPDX-License-Identifier: Apache-2.0
"""What the home page says of backups, from never to all is well."""

from typing import Any

import msgspec
import pytest
from tests.unit.test_findings import codes
from tests.unit.test_panel_pages import NOW

from atre.ipc.backup_replies import (
    BackupOverview,
    BackupPolicy,
    BackupTarget,
    DrillReport,
    RestorePhase,
    RestoreState,
    SheetState,
)
from atre.ipc.media_messages import TargetState
from atre_web.backups.words import next_disk

PROOF = DrillReport(
    snapshot="s", snapshot_at=0, ended_at=NOW, duration_s=60, num_files=1, size_bytes=1,
    tables=[], problems=[], problems_fr=[],
)  # fmt: skip
DISK = BackupTarget(
    id="disk-1", name="Lundi", location="Elements", is_present=True, state=TargetState.READY,
    reason=None, is_removable=True, free_bytes=1, last_backup_at=NOW - 3600, last_snapshot="s",
    last_checked_at=NOW, last_proven=PROOF, last_drill=PROOF, problem="", message="",
    message_fr="",
)  # fmt: skip
PENDING = RestoreState(
    phase=RestorePhase.APPLIED, snapshot="s", snapshot_at=0, unit="u", at=0, kept_bytes=0
)
WELL = BackupOverview(
    unit="u", program="0.18.0", program_problem="", program_problem_fr="", policy=BackupPolicy(),
    targets=[DISK], sheet=SheetState.CONFIRMED, job=None, restore=None, wanted_models=[],
    next_at=None,
)  # fmt: skip
replace = msgspec.structs.replace


@pytest.mark.parametrize(
    ("disk", "overview", "expected"),
    [
        ({}, {}, []),
        ({"last_backup_at": None}, {"sheet": SheetState.NONE}, ["backup_never"]),
        ({}, {"targets": []}, ["backup_never"]),
        ({"last_backup_at": NOW - 5 * 86400}, {}, ["backup_old"]),
        ({"last_backup_at": NOW - 3 * 86400}, {}, []),
        ({"last_backup_at": NOW - 30 * 86400}, {"policy": BackupPolicy(is_on=False)}, []),
        (
            {"last_backup_at": NOW - 32 * 86400},
            {"policy": BackupPolicy(is_on=False)},
            ["backup_old"],
        ),
        (
            {"last_backup_at": NOW - 3 * 86400},
            {"policy": BackupPolicy(warn_after_days=2)},
            ["backup_old"],
        ),
        ({}, {"sheet": SheetState.UNCONFIRMED}, ["backup_sheet"]),
        ({"last_proven": None}, {}, ["backup_unproven"]),
        ({"state": TargetState.PULLED}, {}, ["backup_pulled"]),
        ({"state": TargetState.FULL, "problem": "target_full"}, {}, ["backup_full"]),
        ({"state": TargetState.ABSENT}, {}, []),
        ({"problem": "drill_failed"}, {}, ["backup_problem"]),
        ({}, {"restore": PENDING}, ["restore_pending"]),
    ],
)
def test_backups_on_the_home_page(
    disk: dict[str, Any], overview: dict[str, Any], expected: list[str]
) -> None:
    found = replace(WELL, **{"targets": [replace(DISK, **disk)]} | overview)
    assert codes(backups=found) == expected
    assert "backup_never" not in codes(backups=found, is_claimed=False)


def test_of_two_disks_the_one_that_waited_longest_is_to_be_brought() -> None:
    other = replace(DISK, id="disk-2", name="Jeudi", last_backup_at=NOW - 86400, is_present=False)
    assert next_disk(WELL) is None
    assert next_disk(replace(WELL, targets=[DISK, other])) == other
    here = replace(other, is_present=True)
    assert next_disk(replace(WELL, targets=[DISK, here])) is None
