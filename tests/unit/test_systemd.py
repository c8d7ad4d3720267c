# SPDX-License-Identifier: Apache-2.0
import re
import shutil
import subprocess
from pathlib import Path

import pytest

SYSTEMD = Path(__file__).parents[2] / "systemd"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_the_unit_says_what_systemd_understands(tmp_path: Path) -> None:
    # The program it starts is not in /opt here; everything else is checked as it stands.
    unit = (SYSTEMD / "atre.service").read_text().replace("/opt/atre/.venv/bin/atre", "/bin/true")
    copy = tmp_path / "atre.service"
    copy.write_text(unit)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", copy], capture_output=True, text=True, check=False
    )
    complaints = [line for line in done.stderr.splitlines() if "atre.service" in line]
    assert not complaints
    assert done.returncode == 0


def test_the_rule_for_disks_keeps_those_of_the_system_out_of_reach() -> None:
    rule = (SYSTEMD / "50-atre-disks.rules").read_text()
    allowed = re.findall(r'"([a-z-]+)"', rule.partition("var allowed")[2].partition("]")[0])
    assert {"filesystem-mount", "modify-device", "power-off-drive"} <= set(allowed)
    assert not [each for each in allowed if each.endswith("-system")]
    policy = Path("/usr/share/polkit-1/actions/org.freedesktop.UDisks2.policy")
    if policy.exists():
        known = set(
            re.findall(r'action id="org\.freedesktop\.udisks2\.([^"]+)"', policy.read_text())
        )
        assert set(allowed) <= known
