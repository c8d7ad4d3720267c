# SPDX-License-Identifier: Apache-2.0
import re
import subprocess
from pathlib import Path

import pytest
from tests.unit.exposure import assert_exposed_at_most, needs_systemd

SYSTEMD = Path(__file__).parents[2] / "systemd"


@needs_systemd
@pytest.mark.parametrize(
    "name", ["atre.service", "atre-rapl.service", "atre-caps.service", "atre-nvidia-caps.service"]
)
def test_the_unit_says_what_systemd_understands(tmp_path: Path, name: str) -> None:
    # The program it starts is not in /opt here; everything else is checked as it stands.
    unit = re.sub(r"/opt/atre/\.venv/bin/\w+", "/bin/true", (SYSTEMD / name).read_text())
    copy = tmp_path / name
    copy.write_text(unit)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", copy], capture_output=True, text=True, check=False
    )
    complaints = [line for line in done.stderr.splitlines() if name in line]
    assert not complaints
    assert done.returncode == 0


@needs_systemd
def test_the_box_has_few_rights() -> None:
    assert_exposed_at_most(SYSTEMD / "atre.service", 20)


def test_backups_reach_the_disks_that_are_mounted_while_the_box_runs() -> None:
    unit = (SYSTEMD / "atre.service").read_text()
    settings = dict(line.split("=", 1) for line in unit.splitlines() if re.match(r"\w+=", line))
    assert settings["DynamicUser"] == "yes"  # the polkit rule knows it by the unit's name
    # A place that is not there yet must not keep the box from starting.
    assert set(settings["ReadWritePaths"].split()) == {"-/media", "-/run/media", "-/mnt"}
    # Either would hide what is mounted after the start (systemd.exec(5)).
    assert not {"MountFlags", "PrivateMounts", "PrivateDevices", "PrivateNetwork"} & set(settings)
    # UDisks2 and restic's pipes, servers over SFTP, and the kernel's events of disks.
    families = set(settings["RestrictAddressFamilies"].split())
    assert families >= {"AF_UNIX", "AF_INET", "AF_INET6", "AF_NETLINK"}


@needs_systemd
def test_the_reader_of_energy_has_its_one_right_and_hardly_another() -> None:
    unit = SYSTEMD / "atre-rapl.service"
    assert_exposed_at_most(unit, 15)
    rights = [line for line in unit.read_text().splitlines() if "Capabilit" in line and "=" in line]
    assert {right.partition("=")[2] for right in rights} == {"CAP_DAC_READ_SEARCH"}


@needs_systemd
@pytest.mark.parametrize(
    ("name", "right", "writable"),
    [
        (
            "atre-caps.service",
            "CAP_DAC_OVERRIDE",
            {"-/sys/devices/virtual/powercap", "-/sys/devices/system/cpu/cpufreq"},
        ),
        ("atre-nvidia-caps.service", "CAP_SYS_ADMIN", set()),
    ],
)
def test_who_caps_power_has_one_right_and_may_write_nothing_else(
    name: str, right: str, writable: set[str]
) -> None:
    unit = SYSTEMD / name
    assert_exposed_at_most(unit, 20)
    lines = [line for line in unit.read_text().splitlines() if re.match(r"\w+=", line)]
    assert {line.partition("=")[2] for line in lines if "Capabilit" in line} == {right}
    paths = [line.partition("=")[2] for line in lines if line.startswith("ReadWritePaths")]
    assert set(" ".join(paths).split()) == writable
    assert {"PrivateNetwork=yes", "ProtectSystem=strict", "ProtectKernelTunables=yes"} <= set(lines)


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


_GATE = SYSTEMD / "appliance" / "usr" / "lib" / "systemd" / "system" / "atre-health-gate.service"


@needs_systemd
def test_the_health_gate_has_few_rights_and_its_failure_starts_the_machine_anew() -> None:
    assert_exposed_at_most(_GATE, 20)
    unit = _GATE.read_text()
    assert "FailureAction=reboot-force" in unit
    assert "update confirm --wait" in unit
    # A box that never becomes ready must not keep its judge from beginning.
    assert "After=atre.service" not in unit
