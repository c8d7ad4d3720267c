# SPDX-License-Identifier: Apache-2.0
"""Words the outcome of ``make fault-check`` as the page that docs/reliability.md holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.faults.cuts import Tally
from tests.faults.fault import Fault

_HEAD = """# Reliability of backups

Written by `make fault-check`, which anybody with root on a Linux machine can run: the box's real \
jobs and the real restic, on disks whose power is cut, that are pulled, that fill up. Failures are \
printed like the rest.
"""

_AGAIN = """
The same cuts again: `{command}`; one seed: `make fault-check ARGS="--first-seed N --worlds 1"`.
"""

_AFTER = """
After each of them the next backup works (but on the rotten disk, where another one is asked for), \
and every confirmed backup comes back whole, but for the damaged one. The same as tests: \
`ATRE_ALL_FAULTS=1 pytest tests/faults`; without it, those that take least time.
"""

_HOW = """## How it is made

- A cut: the box's data and its backups lie on two ext4 file systems on loop devices. At a \
random instant of the work, in any order within a moment, the job's process group gets SIGKILL \
and both file systems are shut down by `EXT4_IOC_SHUTDOWN` without a flush of the journal: \
whatever was not fsynced and the kernel had not written by itself is gone, files and names \
alike. Then both are mounted again, and the journal is played. ext4's help for programs that \
rename without an fsync is off (`noauto_da_alloc`). In half of the cuts the kernel is made to \
write back now and then before, so that a part of the unflushed data is there.
- A row of the table is what was asked for and the last stage that was reached. Where it says \
"over" or "finished", the cut came after the work; "ready" is before the daemon answered, \
"ordered" between that and the end.
- With odd seeds the disk of the backups has no journal, as a stick with exFAT has none; `e2fsck \
-y` mends it before it is mounted.
- The seed decides the data, what is cut, in which stage, and the planned instant. The machine's \
load moves the instant a little, so that a second run of a seed cuts nearby, not at the same \
instruction.
- Confirmed is a backup once the job has said that it is stored, which the panel and the command \
show; a restore or its undo, once the daemon has answered. After each cut the box finishes what \
was ordered, as it does at a start; its data must be of one version throughout, an allowed one; \
the next backup must be made, with the locks that were left taken away by the box itself; \
`restic check --read-data` must find nothing; and every confirmed backup that the retention \
keeps is restored and compared, file by file and row by row.
- Lost: a confirmed backup is not there, or comes back otherwise. Unusable: anything else of \
that list does not hold.
- The key of the repositories is made cheap to open, which changes nothing else; time goes on by \
35 minutes with each job, so that the retention lets backups go and prunes.
"""

_NOT_COVERED = """## What this does not cover

- Real disks and sticks, their firmware, and a cable pulled by hand. A disk that reports a flush \
before it is done, or loses what it had already confirmed, is not imitated: a loop device keeps \
what the file system gave it.
- exFAT and NTFS: this kernel has neither, and ext4 without a journal stands for them.
- ext4's fsync of a new file also keeps its name, so a forgotten fsync of a folder is seen only \
where a rename or a removal matters.
- Servers over SFTP, and shares: there the server's own disk decides.
- restic's own clock: it is linked without a libc, so only the box's can be shifted. The time of a \
backup is the one that the box gives.
- A file system of our own that drops writes (FUSE, as LazyFS), or a preloaded library, was not \
needed: a real ext4 that is shut down is closer, and acts on restic, which has no libc to preload.
- Answers and the panel beside a slow disk, and how long a cancel takes: nothing of it is timed \
here.
"""


@dataclass(frozen=True)
class Happened:
    """What came of a fault."""

    fault: Fault
    said: str
    is_survived: bool


def page(
    facts: Mapping[str, str], tally: Tally, faults: Sequence[Happened], *, command: str
) -> str:
    """The whole page, in Markdown."""
    seeds = ", ".join(map(str, tally.seeds))
    parts = [
        _HEAD,
        "## Power cuts at random instants\n",
        "| what was cut | cuts |\n|---|---|",
        *(f"| {what} | {number} |" for what, number in sorted(tally.cuts.items())),
        f"| **together** | **{tally.num_cuts}** |\n",
        f"- confirmed backups lost: **{tally.num_lost}**",
        f"- unusable units: **{tally.num_unusable}**",
        f"- locks of restic found after cuts, which the box takes away: {tally.num_stale_locks}",
        f"- seeds: {seeds}",
        f"- time: {tally.seconds / 60:.0f} minutes",
        *(f"- failed: {each}" for each in tally.failures),
        _AGAIN.format(command=command),
        "## Other faults\n",
        "| fault | how it is made | N | | outcome |\n|---|---|---|---|---|",
        *(_row(each) for each in faults),
        _AFTER,
        _HOW,
        _NOT_COVERED,
        "## Machine and versions\n",
        *(f"- {name}: {value}" for name, value in facts.items()),
    ]
    return "\n".join(parts) + "\n"


def _row(each: Happened) -> str:
    outcome = "survived" if each.is_survived else "**not survived**"
    said = " ".join(each.said.split()).replace("|", "\\|")
    return f"| {each.fault.name} | {each.fault.made_by} | 1 | {outcome} | {said} |"
