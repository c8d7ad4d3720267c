# SPDX-License-Identifier: Apache-2.0
"""What a fault's test says and asks, in few words."""

from tests.faults.job import Job
from tests.faults.world import World

from atre.errors import BackupProblem
from atre.ipc.backup_messages import CreateBackup


def hold(is_true: object, why: str) -> None:
    """Raises AssertionError unless it is true."""
    if not is_true:
        raise AssertionError(why)


def create(world: World) -> CreateBackup:
    """The order to make a backup."""
    return CreateBackup(target=world.target.id)


def refused(job: Job, problem: BackupProblem) -> str:
    """What a job said that could not be done for that reason. Raises AssertionError."""
    refusal = job.refusal
    if refusal is None or refusal.problem != problem:
        raise AssertionError(f"expected {problem}, and it said {refusal}")
    return refusal.message


def go_on(world: World) -> None:
    """The next backup works, and all that were confirmed come back. Raises AssertionError."""
    world.check(world.snapshots(), {world.version})
