# SPDX-License-Identifier: Apache-2.0
"""The process of one job: says on standard output how far it is.

It reads its order on standard input, whose other end is its lifeline, and ends with the daemon that
started it. Killed at any moment, it leaves a scratch folder, which the next job removes, and
perhaps a lock of restic, which the next job takes away.
"""

import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from atre.backup.creation import create
from atre.backup.drilling import drill
from atre.backup.event import Ended, Event, Refused, encode
from atre.backup.order import WorkOrder
from atre.backup.place import Place
from atre.backup.program import find_program
from atre.backup.restoring import fetch
from atre.backup.session import Session, only_job_here, scratch
from atre.backup.thinning import thin_now
from atre.backup.verifying import verify
from atre.errors import AtreError, BackupError, BackupProblem
from atre.ipc.backup_messages import CreateBackup, DrillBackup, ThinBackup, VerifyBackup
from atre.system.cpu_policy import give_way
from atre.system.lifeline import end_with_parent

_log = logging.getLogger(__name__)
_MAX_ORDER_BYTES = 2**20


def work(place: Place, work_order: WorkOrder, say: Callable[[Event], None]) -> None:
    """Carry an order out. Raises BackupError, StorageError and OSError."""
    program = find_program()
    with only_job_here(place), scratch(place) as folder:
        session = Session(place, work_order, program, folder, say)
        match work_order.order:
            case CreateBackup() as order:
                create(session, order)
            case VerifyBackup() as order:
                verify(session, is_whole=order.is_whole)
            case ThinBackup():
                thin_now(session)
            case DrillBackup() as order:
                drill(session, order.snapshot)
            case order:
                fetch(session, order)


def refusal(error: AtreError | OSError) -> Refused:
    """What to say of a job that could not be done."""
    if isinstance(error, BackupError):
        return Refused(problem=error.problem, message=str(error), french=error.french)
    problem = BackupProblem.NO_ROOM if isinstance(error, OSError) else BackupProblem.OTHER
    return Refused(
        problem=problem,
        message=f"The box's own disk failed at this: {error}. Free some room, and check it.",
        french=f"Le disque du boîtier a échoué\u00a0: {error}. Libérez de la place et vérifiez-le.",
    )


def _say(event: Event) -> None:
    sys.stdout.buffer.write(encode(event))
    sys.stdout.buffer.flush()


def _read_order() -> WorkOrder:
    """One line, and not a byte more: what follows is the lifeline's."""
    line = bytearray()
    while not line.endswith(b"\n") and len(line) < _MAX_ORDER_BYTES:
        block = os.read(sys.stdin.fileno(), _MAX_ORDER_BYTES)
        if not block:
            break
        line += block
    return msgspec.json.decode(bytes(line), type=WorkOrder)


def _end(_number: int, _frame: object) -> None:
    # Raised wherever the job is, so that restic ends with it and the scratch folder goes.
    sys.exit(1)


def main() -> None:
    """Carry out the order on standard input, on the data directory in the last argument."""
    logging.basicConfig(level=logging.INFO, format="backup: %(message)s", stream=sys.stderr)
    order = _read_order()
    signal.signal(signal.SIGTERM, _end)
    end_with_parent()
    os.umask(0o077)
    give_way()
    try:
        work(Place(Path(sys.argv[1])), order, _say)
    except (AtreError, OSError) as error:
        _log.warning("%s", error)
        _say(refusal(error))
    else:
        _say(Ended())


if __name__ == "__main__":
    main()
