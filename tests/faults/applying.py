# SPDX-License-Identifier: Apache-2.0
"""The start of a box that applies or undoes a restore, as ``Box`` begins it, to be cut anywhere.

``python tests/faults/applying.py DATA_DIR apply|undo|start``: says "ready", waits for a line, says
"ordered" once the daemon would have answered, and "finished" once the box would open its data.
"""

import sys
from pathlib import Path

from atre.atred.backup_verbs import BackupVerbs
from atre.backup.place import Place
from atre.backup.swap import finish
from atre.ipc.backup_messages import ApplyRestore, UndoRestore
from atre.media.no_disks import NoDisks
from atre.media.targets import MediaTargets


def main() -> None:
    """Carry it out."""
    data_dir, what = Path(sys.argv[1]), sys.argv[2]
    place = Place(data_dir)
    verbs = BackupVerbs(data_dir, MediaTargets(place.state_dir, data_dir, NoDisks()))
    _say("ready")
    sys.stdin.readline()
    if what == "apply":
        verbs.answer(ApplyRestore())
    elif what == "undo":
        verbs.answer(UndoRestore())
    _say("ordered")
    finish(verbs.place)
    _say("finished")


def _say(word: str) -> None:
    print(word, flush=True)  # noqa: T201 -- what the harness listens for


if __name__ == "__main__":
    main()
