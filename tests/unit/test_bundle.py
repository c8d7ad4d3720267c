# SPDX-License-Identifier: Apache-2.0
import errno
import json
import re
import shutil
import sys
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from atre.cli import main
from atre.errors import ConfigError
from atre.hardware.ask import ask
from atre.hardware.bundle import collect, unpack_bundle, write_bundle
from atre.hardware.detect import detect
from atre.hardware.devices import DeviceReport
from atre.hardware.machine import Access, Issue, IssueCode, Machine
from atre.hardware.redaction import Redaction

_MACHINES = Path(__file__).parents[1] / "machines"
_SERIAL, _MAC = "PF3ZQ8W1", "9c:6b:00:1a:2b:3c"
_UUID = "03000200-0400-0500-0006-000700080009"
_SECRETS = (
    _SERIAL, _MAC, _UUID, "compta-02", "jeanne", "100000003d1b7c55", "Poste du directeur",
)  # fmt: skip


def write(root: Path, path: str, content: str = "") -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content, "utf-8")


@pytest.fixture
def telling(tmp_path: Path) -> Path:
    """A machine that tells all it knows: names, numbers and addresses in every file."""
    root = tmp_path / "telling"
    shutil.copytree(_MACHINES / "amd-780m-class-0380", root, symlinks=True)
    with (root / "proc/cpuinfo").open("a") as file:
        file.write("Hardware\t: BCM2835\nSerial\t\t: 100000003d1b7c55\n")
    for name, content in {
        "etc/hostname": "compta-02\n",
        "proc/sys/kernel/hostname": "compta-02.exemple.lan\n",
        "etc/passwd": "root:x:0:0::/root:/bin/sh\njeanne:x:1000:1000:Jeanne:/home/jeanne:/bin/sh\n",
        "etc/os-release": (
            f'PRETTY_NAME="Debian 12 of {_MAC}"\nHOSTNAME=compta-02\nVARIANT="Poste du directeur"\n'
        ),
        "sys/class/dmi/id/product_serial": f"{_SERIAL}\n",
        "sys/class/dmi/id/product_uuid": f"{_UUID}\n",
        "sys/class/dmi/id/board_name": f"F7BAA {_SERIAL}\n",
        "sys/class/net/enp1s0/address": f"{_MAC}\n",
        "proc/sys/kernel/osrelease": f"6.12.0-compta-02-{_UUID}\n",
        "proc/self/status": "Name:\tjeanne\nUid:\t1000\nCpus_allowed_list:\t0-3\n",
        "proc/self/cgroup": f"0::/user.slice/jeanne.slice/docker-{_UUID}.scope\n",
        f"sys/fs/cgroup/user.slice/jeanne.slice/docker-{_UUID}.scope/memory.max": f"{2**31}\n",
        "sys/fs/cgroup/user.slice/cpu.max": "150000 100000\n",
        "dev/dri/renderD128": "",
    }.items():
        write(root, name, content)
    devices = json.loads((root / "devices.json").read_text())
    devices["issues"] = [
        {"code": "failed", "source": "llama.cpp", "detail": f"/home/jeanne/lib.so on {_MAC}"}
    ]
    write(root, "devices.json", json.dumps(devices))
    return root


def everything(folder: Path) -> str:
    parts = [str(path.relative_to(folder)) for path in folder.rglob("*")]
    parts += [path.read_bytes().decode("latin-1") for path in folder.rglob("*") if path.is_file()]
    return "\n".join(parts)


def bundled(root: Path, target: Path) -> Machine:
    write_bundle(collect(root), target)
    return detect(target)


def test_nothing_that_identifies_is_in_the_bundle(telling: Path, tmp_path: Path) -> None:
    assert all(secret in everything(telling) for secret in _SECRETS)
    bundle = tmp_path / "bundle"
    write_bundle(collect(telling), bundle)
    text = everything(bundle).lower()
    for secret in _SECRETS:
        assert secret.lower() not in text, secret
    assert "F7BAA redacted" in everything(bundle)


def test_of_a_memory_module_everything_but_its_number_is_kept() -> None:
    lines = (
        b"E:MEMORY_DEVICE_0_SIZE=17179869184\n",
        b"E:MEMORY_DEVICE_0_SERIAL_NUMBER=3A7C11F0\n",
        b"E:MEMORY_DEVICE_0_ASSET_TAG=9876543210\n",
        b"E:MEMORY_DEVICE_0_CONFIGURED_SPEED_MTS=5600\n",
    )
    kept = Redaction([], "").content("run/udev/data/+dmi:id", b"".join(lines))
    assert kept == lines[0] + lines[3]


def test_the_facts_of_the_telling_machine_are_all_there(telling: Path, tmp_path: Path) -> None:
    before, after = detect(telling), bundled(telling, tmp_path / "bundle")
    assert after.cpu == before.cpu
    assert after.memory == before.memory
    assert before.memory.limit_bytes == 2**31
    assert before.cpu.quota_cpus == 1.5
    assert (after.gpus, after.npus, after.soc) == (before.gpus, before.npus, before.soc)
    assert after.devices == before.devices
    assert after.product.vendor == before.product.vendor
    assert [issue.code for issue in after.issues] == [issue.code for issue in before.issues]


@pytest.mark.parametrize("name", sorted(path.name for path in _MACHINES.iterdir() if path.is_dir()))
def test_a_bundle_is_detected_like_the_machine(name: str, tmp_path: Path) -> None:
    found = bundled(_MACHINES / name, tmp_path / "bundle")
    assert without_groups(found) == without_groups(detect(_MACHINES / name))


def without_groups(machine: Machine) -> Machine:
    """A control group's name may be a person's: the bundle renames it."""
    issues = (
        replace(issue, source=re.sub(r"cpu/(x|group-\d+)/", "cpu/a-group/", issue.source))
        for issue in machine.issues
    )
    return replace(machine, issues=tuple(issues))


def test_a_bundle_of_a_bundle_is_the_same(telling: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    write_bundle(collect(telling), first)
    write_bundle(collect(first), second)
    assert everything(first) == everything(second)


def test_device_files_keep_who_may_open_them(telling: Path, tmp_path: Path) -> None:
    assert accesses(detect(telling)) == [Access.OPEN]
    assert accesses(bundled(telling, tmp_path / "open")) == [Access.OPEN]
    write(telling, "failures.json", json.dumps({"dev/dri/renderD128": errno.EACCES}))
    assert accesses(bundled(telling, tmp_path / "forbidden")) == [Access.FORBIDDEN]
    (telling / "failures.json").unlink()
    (telling / "dev/dri/renderD128").unlink()
    assert accesses(bundled(telling, tmp_path / "missing")) == [Access.MISSING]


def accesses(machine: Machine) -> list[Access | None]:
    assert machine.gpus is not None
    return [gpu.access for gpu in machine.gpus if gpu.node]


def test_a_file_that_may_not_be_read_is_still_unreadable_in_the_bundle(
    telling: Path, tmp_path: Path
) -> None:
    (telling / "proc/meminfo").unlink()
    (telling / "proc/meminfo").mkdir()
    (expected,) = [issue for issue in detect(telling).issues if issue.source == "proc/meminfo"]
    assert expected.code is IssueCode.UNREADABLE
    assert expected in bundled(telling, tmp_path / "bundle").issues


def test_this_machine_is_bundled_without_its_name_and_loads(tmp_path: Path) -> None:
    report = DeviceReport(backends=("CPU",))
    write_bundle(collect(platform="linux", devices=lambda: report), tmp_path / "bundle")
    here = detect(platform="linux", devices=lambda: report)
    there = detect(tmp_path / "bundle")
    assert (there.cpu, there.gpus, there.npus, there.soc) == (
        here.cpu, here.gpus, here.npus, here.soc,
    )  # fmt: skip
    assert there.memory.total_bytes == here.memory.total_bytes
    assert there.backends == ("CPU",)


def test_a_mac_is_bundled_by_what_its_programs_say(tmp_path: Path) -> None:
    def run(command: tuple[str, ...], time_limit_s: float) -> bytes | Issue:
        texts = {
            "/usr/sbin/sysctl": "hw.machine: arm64\nhw.memsize: 17179869184\nkern.uuid: " + _UUID,
            "/usr/bin/vm_stat": "Mach Virtual Memory Statistics: (page size of 16384 bytes)",
        }
        return ask((sys.executable, "-c", f"print({texts[command[0]]!r})"), time_limit_s)

    contents = collect(platform="darwin", devices=DeviceReport, run=run)
    write_bundle(contents, tmp_path / "mac")
    assert _UUID not in everything(tmp_path / "mac")
    found = detect(tmp_path / "mac")
    assert (found.os, found.memory.total_bytes, len(found.soc)) == ("macos", 16 * 2**30, 2)


def test_the_archive_tells_neither_owner_nor_time_and_detect_reads_it(
    telling: Path, tmp_path: Path
) -> None:
    archive = tmp_path / "bundle.tar.gz"
    runner = CliRunner()
    done = runner.invoke(main, ["doctor", "--root", str(telling), "--bundle", str(archive)])
    assert done.exit_code == 0, done.output
    with tarfile.open(archive) as opened:
        for entry in opened:
            assert (entry.uid, entry.gid, entry.uname, entry.gname, entry.mtime) == (
                0,
                0,
                "",
                "",
                0,
            )
    direct = runner.invoke(main, ["detect", "--root", str(telling), "--json"])
    through = runner.invoke(main, ["detect", "--root", str(archive), "--json"])
    assert through.exit_code == 0, through.output
    uses = [json.loads(output)["uses"] for output in (direct.output, through.output)]
    assert uses[0] == uses[1]
    assert {use["code"] for use in uses[0]} == {"used", "npu_no_backend"}


def test_what_is_no_bundle_is_refused_with_a_reason(tmp_path: Path) -> None:
    write(tmp_path, "no.tar.gz", "hello")
    done = CliRunner().invoke(main, ["detect", "--root", str(tmp_path / "no.tar.gz")])
    assert done.exit_code == 1
    assert "neither a folder nor a bundle" in done.output


def test_an_archive_cannot_write_beside_its_folder(tmp_path: Path) -> None:
    archive = tmp_path / "bad.tar"
    with tarfile.open(archive, "w") as opened:
        opened.addfile(tarfile.TarInfo("../outside"))
    done = CliRunner().invoke(main, ["detect", "--root", str(archive)])
    assert done.exit_code == 1
    assert "neither a folder nor a bundle" in done.output


def test_a_link_of_an_archive_leads_nowhere(tmp_path: Path) -> None:
    archive = tmp_path / "bad.tar"
    with tarfile.open(archive, "w") as opened:
        link = tarfile.TarInfo("etc")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path)
        opened.addfile(link)
    unpack_bundle(archive, tmp_path / "folder")
    assert (tmp_path / "folder/etc").readlink() == Path(tmp_path.name)
    with tarfile.open(archive, "a") as opened:
        opened.addfile(tarfile.TarInfo("etc/file"))
    with pytest.raises(ConfigError, match="neither a folder nor a bundle"):
        unpack_bundle(archive, tmp_path / "other")
    assert not (tmp_path / "file").exists()


def test_a_folder_that_holds_something_is_left_alone(telling: Path, tmp_path: Path) -> None:
    write(tmp_path, "kept/file", "precious")
    with pytest.raises(ConfigError, match="not empty"):
        write_bundle(collect(telling), tmp_path / "kept")
    assert everything(tmp_path / "kept") == "file\nprecious"
