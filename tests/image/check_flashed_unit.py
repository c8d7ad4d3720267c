# SPDX-License-Identifier: Apache-2.0
"""A flashed unit as the handbook's page for resellers has it: a stick, a test, sealed, off."""

import json
import subprocess
import sys
import time
from pathlib import Path

from tests.image.conftest import BUILD
from tests.image.guest import powered_on
from tests.image.machine import Machine, flashed
from tests.image.report import Report
from tests.image.shell import CREDENTIALS, Shell
from tests.image.sticks import make_stick, plug_in, pull_out, read_stick

KIT = Path(__file__).parents[2] / "image-build" / "reseller" / "kit"
SERIAL = "AT-0001"
# An emulated machine leaves doubts (its disk is slow, others want the processor): with `seal` it
# would stay on, as it should. A person looks at the report, and orders the sealing alone.
TEST, SEAL = "burn_in_minutes = 2", "seal = true\nattempt = 2"
_ORDER = "/var/lib/atre/factory/bench.json"


def test_a_flashed_unit_tests_and_seals_itself(disks: Path, limit_s: float, report: Report) -> None:
    disk = flashed(BUILD / "disk.raw", disks / "reseller.raw")
    times = follow_the_page(disk, disks, limit_s=limit_s)
    report.note("burn-in and sealing", **times)


def follow_the_page(disk: Path, work: Path, *, limit_s: float) -> dict[str, float]:
    """Take a flashed unit through the page; the seconds since power-on of its steps."""
    units = work / "units"
    (work / "all.toml").write_text(f"format = 1\n[bench]\n{TEST}\n")
    kit("prepare", "--provision", work / "all.toml", SERIAL, units=units)
    provision = units / SERIAL / "atre-provision.toml"
    first = make_stick(work / "first.img", provision)
    again = work / "again" / provision.name
    again.parent.mkdir()
    again.write_text(provision.read_text().replace(TEST, SEAL))
    second = make_stick(work / "second.img", again)
    machine = Machine(disk=disk, work=work, credentials=CREDENTIALS)
    times: dict[str, float] = {}
    with powered_on(machine) as guest, Shell(machine.shell) as shell:
        shell.wait_until_up(limit_s)
        plug_in(guest, first)
        phase_is(shell, "running", limit_s=limit_s)
        times["begins_s"] = round(guest.age_s)
        listening = shell.must("ss -Htln 'sport = :443 or sport = :80'")
        assert not listening, "nobody is served while it is tested"
        phase_is(shell, "ended", limit_s=limit_s)
        times["tested_s"] = round(guest.age_s)
        told = wait_for_file(shell, first, work, f"{SERIAL}-burn-in.json", limit_s=limit_s)
        assert "✗ AT-0001" in kit("collect", told, units=units, fails=True)
        pull_out(guest, first)
        plug_in(guest, second)
        guest.process.wait(limit_s)
        assert guest.process.returncode == 0
        times["off_s"] = round(guest.age_s)
    sealed = read_stick(second, work / "sealed")
    assert "sealed, key" in kit("collect", sealed, units=units)
    assert traces(disk, work) == []
    return times


def kit(*arguments: object, units: Path, fails: bool = False) -> str:
    """What the kit says."""
    command = [KIT, *arguments, "--units", units, "--lang", "en"]
    done = subprocess.run(
        list(map(str, command)), env={"PYTHON": sys.executable, "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode != 0) is fails, done.stdout + done.stderr
    return done.stdout


def phase_is(shell: Shell, phase: str, *, limit_s: float) -> None:
    """Wait for it. Raises AssertionError if it never comes."""
    deadline = time.monotonic() + limit_s
    while True:
        said = shell.run(f"cat {_ORDER}").output
        if said.startswith("{") and json.loads(said)["phase"] == phase:
            return
        assert time.monotonic() < deadline, said + shell.run("cat /dev/vcs1").output
        time.sleep(1)


def wait_for_file(shell: Shell, stick: Path, work: Path, name: str, *, limit_s: float) -> Path:
    """A folder with the stick's files, once the unit wrote this one to it."""
    deadline = time.monotonic() + limit_s
    while shell.run("test -e /run/atre-stick/taken").status:
        assert time.monotonic() < deadline, shell.run("journalctl -u atre-stick-write").output
        time.sleep(1)
    folder = read_stick(stick, work / "taken")
    assert (folder / name).exists(), sorted(path.name for path in folder.iterdir())
    return folder


def traces(disk: Path, work: Path) -> list[str]:
    """The plain files on the unit's data partition that are neither the box's nor of /etc."""
    said = subprocess.run(["sfdisk", "--json", disk], capture_output=True, check=True).stdout
    table = json.loads(said)["partitiontable"]["partitions"]
    place = next(each for each in table if each.get("name") == "data")
    data = work / "data.ext4"
    subprocess.run(
        ["dd", f"if={disk}", f"of={data}", "bs=1M", "iflag=skip_bytes,count_bytes", "conv=sparse",
         f"skip={place['start'] * 512}", f"count={place['size'] * 512}", "status=none"],
        check=True,
    )  # fmt: skip
    subprocess.run(["e2fsck", "-p", data], check=False, stdout=subprocess.DEVNULL)
    into = work / "data"
    into.mkdir()
    subprocess.run(["debugfs", "-R", f"rdump / {into}", data], check=True, capture_output=True)
    data.unlink()
    found = (str(path.relative_to(into)) for path in into.rglob("*")
             if path.is_file() and not path.is_symlink())  # fmt: skip
    return sorted(name for name in found if not name.startswith(_ALLOWED))


# What programs write on the way down, after the last step, is about this machine and no office.
_ALLOWED = ("lib/atre/models/", "lib/atre/factory/", "lib/atre/state/", "lib/atre/lock",
            "lib/atre-etc/", "lib/systemd/random-seed", "lib/chrony/")  # fmt: skip
