# SPDX-License-Identifier: Apache-2.0
"""Everything that is known of backups without asking a target."""

import datetime as dt
from collections.abc import Mapping

from atre.backup.keys import sheet_key, sheet_number, sheet_state
from atre.backup.models_wanted import lacking, read_wanted, told
from atre.backup.place import Place
from atre.backup.policy import read_policy
from atre.backup.program import find_program
from atre.backup.record import Record, TargetRecord, read_record
from atre.backup.schedule import is_believable, next_backup
from atre.backup.swap import state_of
from atre.backup.target import READY
from atre.discovery.host_name import load_box_id
from atre.errors import BackupError
from atre.ipc.backup_replies import BackupJob, BackupOverview, BackupPolicy, BackupTarget
from atre.ipc.media_messages import TargetKind, TargetReport


def overview(
    place: Place,
    *,
    targets: Mapping[str, TargetReport],
    job: BackupJob | None,
    now: dt.datetime,
    tried_at: dt.datetime | None,
) -> BackupOverview:
    """Raises OSError."""
    record, policy = read_record(place.state_dir), read_policy(place.state_dir)
    program, problem, problem_fr = "", "", ""
    try:
        program = find_program().version
    except BackupError as error:
        problem, problem_fr = str(error), error.french
    sheet = sheet_key(place.secrets_dir)
    return BackupOverview(
        unit=load_box_id(place.state_dir),
        program=program,
        program_problem=problem,
        program_problem_fr=problem_fr,
        policy=policy,
        targets=[
            _target(each, record.targets.get(each.id, TargetRecord()), sheet)
            for each in targets.values()
        ],
        sheet=sheet_state(place.secrets_dir),
        job=job,
        restore=state_of(place),
        wanted_models=told(lacking(read_wanted(place.state_dir).models, place.store)),
        ahead_until=ahead_until(record, now),
        next_at=next_at(policy, record, now, tried_at) if targets else None,
    )


def next_at(
    policy: BackupPolicy, record: Record, now: dt.datetime, tried_at: dt.datetime | None
) -> float | None:
    """When the schedule makes the next backup; None while it is off, or the clock is not set."""
    newest = newest_at(record)
    if not policy.is_on or not is_believable(now, newest):
        return None
    return next_backup(now, policy.hour, newest, tried_at).timestamp()


def ahead_until(record: Record, now: dt.datetime) -> float | None:
    """When the newest backup was made, if that is yet to come by a clock that was set."""
    newest = newest_at(record)
    is_ahead = newest is not None and is_believable(now, None) and not is_believable(now, newest)
    return newest if is_ahead else None


def newest_at(record: Record) -> float | None:
    """When the newest backup anywhere was made."""
    times = [each.last_backup_at for each in record.targets.values()]
    return max((time for time in times if time is not None), default=None)


def _target(report: TargetReport, known: TargetRecord, sheet: str | None) -> BackupTarget:
    return BackupTarget(
        id=report.id,
        name=report.label,
        location=report.place,
        is_present=report.state in READY,
        state=report.state,
        reason=report.reason,
        is_removable=report.kind is TargetKind.DISK,
        free_bytes=report.free_bytes,
        last_backup_at=known.last_backup_at,
        last_snapshot=known.last_snapshot,
        last_checked_at=known.last_checked_at,
        last_proven=known.last_proven,
        last_drill=known.last_drill,
        problem=known.problem,
        message=known.message,
        message_fr=known.message_fr,
        opens_with_sheet=sheet is not None and known.sheet == sheet_number(sheet),
    )
