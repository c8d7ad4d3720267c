# SPDX-License-Identifier: Apache-2.0
from contextlib import closing
from pathlib import Path

import pytest

from atre.atred import management
from atre.atred.management import ManagementDaemon
from atre.config import Config, default_profiles_dir
from atre.hardware.detect import detect
from atre.hardware.machine import Issue, IssueCode
from atre.hardware.pmset import judged, mac_power_issues, settings
from atre.plan.health import check
from atre.plan.inspection import inspect

# In the shape that pmset(1) prints; written by hand, not taken from somebody's machine.
_SLEEPY = b"""System-wide power settings:
Currently in use:
 standby              0
 Sleep On Power Button 1
 autorestart          0
 womp                 0
 networkoversleep     0
 disksleep            10
 sleep                1 (sleep prevented by sharingd, powerd)
 ttyskeepawake        1
 displaysleep         10
"""
_AWAKE = b"""System-wide power settings:
Currently in use:
 autorestart          1
 womp                 1
 disksleep            0
 sleep                0 (sleep prevented by powerd)
"""


def issues(output: bytes, platform: str = "darwin") -> list[str]:
    found = mac_power_issues(lambda _command, _limit: output, platform)
    return [issue.remedy.text.removeprefix("In the Terminal: sudo pmset -a ") for issue in found]


def test_every_line_of_pmset_is_read() -> None:
    assert settings(_SLEEPY.decode()) == {
        "standby": 0, "Sleep On Power Button": 1, "autorestart": 0, "womp": 0,
        "networkoversleep": 0, "disksleep": 10, "sleep": 1, "ttyskeepawake": 1,
        "displaysleep": 10,
    }  # fmt: skip


def test_a_mac_that_sleeps_or_stays_off_is_told_what_to_type() -> None:
    assert issues(_SLEEPY) == ["sleep 0", "disksleep 0", "autorestart 1", "womp 1"]
    assert issues(_AWAKE) == []


def test_a_setting_that_this_mac_lacks_is_no_issue() -> None:
    assert issues(b" sleep 0\n") == []
    assert issues(b"") == issues(b"\xff\x00garbage") == []


def test_nothing_is_said_elsewhere_or_where_pmset_fails() -> None:
    assert issues(_SLEEPY, "linux") == []
    failed = Issue(IssueCode.FAILED, "pmset -g", "exit status 1")
    assert mac_power_issues(lambda _command, _limit: failed, "darwin") == ()


def test_the_doctor_and_the_home_page_say_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = judged(settings(_SLEEPY.decode()))
    machine = Path(__file__).parents[1] / "machines" / "n100-mini-pc"
    notes = check(inspect(detect(machine), default_profiles_dir()), tmp_path, found)
    remedies = {note.remedy for note in notes if note.is_problem}
    assert {issue.remedy.text for issue in found} <= remedies
    monkeypatch.setattr(management, "mac_power_issues", lambda: found)
    config = Config(data_dir=tmp_path, runtime_dir=tmp_path, profiles_dir=tmp_path)
    daemon = ManagementDaemon(config)
    daemon.start()
    with closing(daemon):
        told = daemon.describe()
        assert told.issues == [issue.whole.text for issue in found]
        assert told.issues_fr[0].startswith("Ce Mac se met en veille")
        monkeypatch.setattr(management, "mac_power_issues", tuple)
        daemon.look_at_mac()
        assert daemon.describe().issues == []
