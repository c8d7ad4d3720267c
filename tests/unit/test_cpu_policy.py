# SPDX-License-Identifier: Apache-2.0
"""What gives way is asked to in a process and a session of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from atre.system.cpu_policy import be_nice, never_preempt

_AUTOGROUP = Path("/proc/self/autogroup")
_TELL = """
import json, os, psutil
from pathlib import Path
from atre.system.cpu_policy import be_nice, give_way
{call}
group = Path("/proc/self/autogroup")
print(json.dumps({{
    "nice": os.nice(0),
    "is_idle": os.sched_getscheduler(0) == os.SCHED_IDLE,
    "is_idle_io": psutil.Process().ionice().ioclass == psutil.IOPRIO_CLASS_IDLE,
    "session": next(iter(group.read_text().split()[-1:]), None) if group.exists() else None,
}}))
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux has these policies")


def _told(call: str, *, own_session: bool = True) -> dict[str, object]:
    answer = subprocess.run(
        [sys.executable, "-c", _TELL.format(call=call)],
        start_new_session=own_session,
        stdout=subprocess.PIPE,
        check=True,
    )
    told: dict[str, object] = json.loads(answer.stdout)
    return told


def test_who_gives_way_takes_what_is_idle_and_so_does_the_session() -> None:
    session = "10" if _AUTOGROUP.exists() else None
    assert _told("give_way()") == {
        "nice": 10,
        "is_idle": True,
        "is_idle_io": True,
        "session": session,
    }


def test_who_is_nice_is_so_among_sessions_too() -> None:
    told = _told("be_nice(7)")
    assert (told["nice"], told["is_idle"]) == (7, False)
    assert told["session"] == ("7" if _AUTOGROUP.exists() else None)


def test_the_session_of_others_is_left_alone() -> None:
    before = _told("", own_session=False)["session"]
    assert _told("be_nice(10)", own_session=False)["session"] == before


def test_a_kernel_that_refuses_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "nice", refuse)
    monkeypatch.setattr(os, "getsid", lambda _: os.getpid())
    monkeypatch.setattr(Path, "write_text", refuse)
    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    be_nice()
    never_preempt()
