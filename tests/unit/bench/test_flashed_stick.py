# SPDX-License-Identifier: Apache-2.0
"""What a flashed unit leaves on its stick and removes of the bench, and its real burn-in."""

import os
import signal
import socket
from pathlib import Path
from typing import cast

import pytest
from click.testing import CliRunner
from msgspec.structs import replace
from tests.unit.bench.flashed import FakeTest, provision, start

from atre.burn_in import session
from atre.burn_in.report import Report, read_signed
from atre.burn_in.run import Probes
from atre.burn_in.smart import reported
from atre.choices.owner_mark import set_mark
from atre.config import Config
from atre.engine_plan import EnginePlan
from atre.hardware.machine import Memory
from atre.provision import bench
from atre.provision.bench import Order, Phase
from atre.reset.presence import Uptime
from atre.sealing import carry_out, sweep
from atre.stick import outgoing, write
from atre.stick.names import SWEEP
from atre.stick.read import do_asked
from atre_web.accounts.door import open_door

# The stick


def test_the_stick_that_ordered_it_takes_the_report_as_often_as_it_is_plugged_in(
    config: Config, place: Path
) -> None:
    text = provision(config, "[bench]\nburn_in_minutes = 5\n")
    start(config, place, FakeTest())
    for path in place.iterdir():
        path.unlink()
    (place / "atre-provision.toml.from-stick").write_bytes(text)
    do_asked(config.data_dir, place, Uptime(9.0, "b"), restart=lambda: pytest.fail("unchanged"))
    assert [path.name for path in place.iterdir()] == ["AT-0001-burn-in.json.to-stick"]
    set_mark(config.state_dir, waits=False)
    open_door(config, run_key=False)
    set_mark(config.state_dir, waits=False)
    assert outgoing.lay_out(config.data_dir, place) is False, "it is somebody's"


def test_only_two_kinds_of_files_go_onto_a_stick_with_a_provision_file(
    tmp_path: Path, place: Path
) -> None:
    (place / "AT-0001-burn-in.json.to-stick").write_text("report")
    (place / "autorun.inf.to-stick").write_text("x")
    (place / "..-burn-in.json.to-stick").write_text("x")
    (tmp_path / "secret").write_text("x")
    (place / "AT-2-sealed.json.to-stick").symlink_to(tmp_path / "secret")
    (place / "AT-3-sealed.json.to-stick").write_bytes(bytes(300_000))
    files = write.collect(place)
    assert files == {"AT-0001-burn-in.json": b"report"}
    assert not list(place.iterdir()), "or systemd would start the writer for ever"
    stick = tmp_path / "stick"
    stick.mkdir()
    assert write.put(stick, files) is False
    assert not list(stick.iterdir())
    (stick / "atre-provision.toml").write_text("format = 1")
    (stick / "AT-0001-burn-in.json").symlink_to(tmp_path / "secret")
    assert write.put(stick, files) is True
    assert (stick / "AT-0001-burn-in.json").read_text() == "report"
    assert (tmp_path / "secret").read_text() == "x"
    assert len(list(stick.iterdir())) == 2


def test_only_usb_disks_are_written_to(tmp_path: Path) -> None:
    sys_dir = tmp_path / "block"
    sys_dir.mkdir()
    for name, where in (
        ("sda", "ata1/host0/block/sda"),
        ("sda1", "ata1/host0/block/sda/sda1"),
        ("sdb", "usb1/1-2/host6/block/sdb"),
        ("sdb1", "usb1/1-2/host6/block/sdb/sdb1"),
        ("sdc", "usb2/2-1/host7/block/sdc"),
        ("nvme0n1", "nvme/nvme0/nvme0n1"),
    ):
        (tmp_path / "devices" / where).mkdir(parents=True)
        if name[-1].isdigit():
            (tmp_path / "devices" / where / "partition").touch()
        (sys_dir / name).symlink_to(tmp_path / "devices" / where)
    assert write.usb_file_systems(sys_dir) == ["sdb1", "sdc"]


# Root's last step


@pytest.fixture
def var(tmp_path: Path) -> Path:
    var = tmp_path / "var"
    for name in (
        "log/journal/4f/system.journal", "lib/systemd/random-seed", "lib/chrony/drift",
        "lib/atre/factory/serial", "lib/atre/models/m.gguf", "lib/atre-etc/upper/machine-id",
    ):  # fmt: skip
        (var / name).parent.mkdir(parents=True, exist_ok=True)
        (var / name).write_text("x")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "kept").touch()
    (var / "run").symlink_to(tmp_path / "outside")
    return var


def swept(var: Path, place: Path) -> int:
    (place / SWEEP).touch()
    done = CliRunner().invoke(sweep.main, ["--var", str(var), "--asked-in", str(place)])
    assert not (place / SWEEP).exists()
    return done.exit_code


def test_the_last_step_clears_the_system_and_leaves_the_box(
    tmp_path: Path, var: Path, place: Path
) -> None:
    bench.write(var / "lib/atre", Order(burn_in_minutes=1, seal=True, phase=Phase.SEALING))
    assert swept(var, place) == 0
    left = sorted(str(path.relative_to(var)) for path in var.rglob("*") if path.is_file())
    assert left == [
        "lib/atre-etc/upper/machine-id", "lib/atre/factory/serial", "lib/atre/models/m.gguf",
    ]  # fmt: skip
    assert (tmp_path / "outside" / "kept").exists()
    assert (var / "run").is_symlink()


@pytest.mark.parametrize("phase", [None, Phase.ENDED, Phase.RUNNING, "owned"])
def test_the_last_step_touches_no_other_unit(
    var: Path, place: Path, phase: Phase | str | None
) -> None:
    if phase == "owned":
        (var / "lib/atre/atre.db").touch()
        phase = Phase.SEALING
    if phase:
        order = Order(burn_in_minutes=1, seal=True, phase=cast("Phase", phase))
        bench.write(var / "lib/atre", order)
    assert swept(var, place) == 1
    assert (var / "log/journal/4f/system.journal").exists()


# The burn-in itself


def _without_engine(
    data_dir: Path, memory: Memory, plan: EnginePlan | None, no_plan: str
) -> Probes:
    """Its own tests have the engine write; here it is enough that there is a plan for it."""
    assert plan is not None, no_plan
    return session.probes_of(data_dir, memory, None, "left out")


def test_the_real_test_of_a_unit_signs_its_report(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_testable_bytes", lambda _memory: 2**16)
    monkeypatch.setattr(session, "_DISK_BYTES", 2**16)
    monkeypatch.setattr(carry_out, "probes_of", _without_engine)
    config = replace(config, profiles_dir=Path(__file__).parents[3] / "hardware-profiles")
    provision(config)
    config.runtime_dir.mkdir()
    order = Order(burn_in_minutes=0.001, seal=True, phase=Phase.RUNNING, cuts=2)
    done = carry_out.tested(config, order)
    report: Report = read_signed(config.data_dir / "factory" / "burn-in.json")
    assert report.unit.serial == "AT-0001"
    assert report.cuts == 2
    assert done.has_passed is report.has_passed
    assert "cut off, 2 in number" in " ".join(each.text for each in done.said)
    assert bench.progress(config.runtime_dir) is not None


def test_a_shutdown_is_heard_from_the_first_moment(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carry_out, "detect", lambda: os.kill(os.getpid(), signal.SIGTERM))
    order = Order(burn_in_minutes=30, seal=True, phase=Phase.RUNNING)
    assert carry_out.tested(config, order).phase is Phase.STOPPED
    assert not (config.data_dir / "factory" / "burn-in.json").exists()


def test_systemd_waits_for_a_test_and_no_longer_for_the_box(
    config: Config, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "120000000")
        provision(config)
        start(config, place, FakeTest())
        heard: list[str] = []
        while not heard or heard[-1] != "WATCHDOG_USEC=120000000\nWATCHDOG=1":
            heard.append(systemd.recv(4096).decode())
    assert heard[0] == "WATCHDOG_USEC=900000000"
    assert "EXTEND_TIMEOUT_USEC=900000000\nWATCHDOG=1" in heard[1:-1]


def test_a_drive_is_known_by_what_root_s_unit_asked(tmp_path: Path) -> None:
    said = b'{"smart_status": {"passed": true}, "model_name": "Disk 1"}'
    (tmp_path / "nvme0.json").write_bytes(said)
    (tmp_path / "sda.json").write_bytes(b"{}")
    half_an_hour_ago = (tmp_path / "nvme0.json").stat().st_mtime - 1800
    os.utime(tmp_path / "nvme0.json", (half_an_hour_ago, half_an_hour_ago))
    found = reported("nvme0n1", tmp_path)
    assert found
    assert (found.model, found.is_passed, found.asked_min_ago) == ("Disk 1", True, 30)
    assert reported("sda", tmp_path) is None
    assert reported("sdb", tmp_path) is None
