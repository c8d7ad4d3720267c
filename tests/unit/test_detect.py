# SPDX-License-Identifier: Apache-2.0
import json
import shutil
from pathlib import Path

import msgspec
import pytest

from atre.hardware.choose import choose
from atre.hardware.cpulist import parse_cpulist
from atre.hardware.detect import detect
from atre.hardware.explain import explain
from atre.hardware.machine import DeviceType, IssueCode, Machine
from atre.hardware.profiles import load_profiles
from atre.hardware.usage import UseCode, device_uses

_ROOT = Path(__file__).parents[2]
_MACHINES = _ROOT / "tests" / "machines"
_PROFILES = load_profiles(_ROOT / "hardware-profiles")

# Recorded tree → profile chosen, and the beginning of lines that its explanation must hold.
_EXPECTED = {
    "n100-mini-pc": (
        "intel-n-series",
        [
            "Machine: ASUSTeK COMPUTER INC. MINIPC PN42",
            "Processor: Intel(R) N100, x86_64, 4 cores, 4 CPUs, avx avx2 avx_vnni",
            "GPU: 0000:00:02.0 [8086:46d1], integrated, driver i915: not used: the installed",
            "llama.cpp was compiled without avx_vnni",
            "Not nvidia: pci_vendors must be 10de, here 8086.",
            "Not vulkan-igpu: device_types must be igpu, here cpu.",
        ],
    ),
    "strix-halo-npu-unbound": (
        "strix-halo",
        [
            "GPU: 0000:c1:00.0 [1002:1586], integrated, 0.5 GiB of its own, driver amdgpu: used",
            "NPU: 0000:c2:00.1 [1022:17f0], no driver: present, driver missing.",
            "Not vulkan-igpu: strix-halo describes this machine better.",
        ],
    ),
    "strix-halo-96-gb-set-apart": (
        "strix-halo",
        [
            "Memory: 30.8 GiB",
            "GPU: 0000:c1:00.0 [1002:1586], integrated, 96.0 GiB of its own, driver amdgpu: used",
            "NPU: 0000:c2:00.1 [1022:17f0], driver amdxdna: present, driver loaded.",
        ],
    ),
    "amd-780m-class-0380": (
        "amd-radeon-780m",
        [
            "Machine: Micro Computer (HK) Tech Limited Venus series",
            "GPU: 0000:c4:00.0 [1002:15bf], integrated, 2.0 GiB of its own, driver amdgpu: used",
            "NPU: 0000:c5:00.1 [1022:1502], driver amdxdna: present, driver loaded.",
        ],
    ),
    "nvidia-desktop": (
        "nvidia-rtx-3060",
        [
            "Machine: ASUSTeK COMPUTER INC. TUF GAMING B550-PLUS",
            "GPU: 0000:01:00.0 [10de:2504], card, driver nvidia: used",
            "Not nvidia: nvidia-rtx-3060 describes this machine better.",
        ],
    ),
    "nvidia-desktop-no-driver": (
        "generic-cpu",
        [
            "GPU: 0000:01:00.0 [10de:2504], card, no driver: not used: no driver is bound to it.",
            "Not nvidia: device_types must be gpu or igpu, here cpu.",
        ],
    ),
    "dgx-spark": (
        "nvidia-gb10",
        [
            "Processor: ARM implementer 0x41 part 0xd87, aarch64, 20 cores, 20 CPUs, 10 of them",
            "GPU: 000f:01:00.0 [10de:2e12], integrated, driver nvidia: used",
        ],
    ),
    "raspberry-pi-5": (
        "raspberry-pi-5",
        [
            "Machine: Raspberry Pi 5 Model B Rev 1.1",
            "GPU: none on the PCI bus",
            "Published for such a machine: 4.88 tokens/s",
        ],
    ),
    "core-ultra-npu-unbound-decoy-1180": (
        "generic-cpu",
        [
            "Processor: Intel(R) Core(TM) Ultra 9 185H, x86_64, 16 cores, 22 CPUs, 6 of them",
            "GPU: 0000:00:02.0 [8086:7d55], integrated, driver i915: not used: the installed",
            "NPU: 0000:00:0b.0 [8086:7d1d], no driver: present, driver missing.",
        ],
    ),
    "container-with-limits": (
        "generic-cpu",
        [
            "Processor: AMD EPYC 7543P 32-Core Processor, x86_64, 8 cores, 16 CPUs, limited to 2.5",
            "Memory: 124.9 GiB, 108.2 GiB available, limited to 2.0 GiB",
            "GPU: unknown, the PCI bus cannot be listed",
        ],
    ),
    "driver-that-crashes": (
        "generic-cpu",
        [
            "GPU: 0000:c5:00.0 [1002:1900], integrated, 4.0 GiB of its own, driver amdgpu: not",
            "Not read: -m atre.hardware.devices: killed by signal 6 (Aborted) (crashed).",
        ],
    ),
    "garbage": (
        "generic-cpu",
        [
            "Machine: unknown",
            "System: unknown, kernel unknown",
            "Memory: unknown, unknown available",
            "Not read: sys/bus/pci/devices/0000:02:00.0/vendor: the device went away",
        ],
    ),
}


def machine(name: str) -> Machine:
    return detect(_MACHINES / name)


@pytest.mark.parametrize("name", sorted(_EXPECTED))
def test_a_recorded_machine_gets_its_profile_and_explanation(name: str) -> None:
    profile, beginnings = _EXPECTED[name]
    found = machine(name)
    choice = choose(found, _PROFILES)
    assert choice.profile.name == profile
    lines = explain(found, choice)
    for beginning in beginnings:
        assert any(line.startswith(beginning) for line in lines), "\n".join(lines)
    refused = {line.split()[1].rstrip(":") for line in lines if line.startswith("Not ")}
    assert {other.name for other in _PROFILES} - {profile} <= refused


@pytest.mark.parametrize("name", sorted(_EXPECTED))
def test_every_device_has_a_code_for_what_becomes_of_it(name: str) -> None:
    found = machine(name)
    for runs_on_gpu in (True, False):
        uses = device_uses(found, runs_on_gpu=runs_on_gpu)
        assert [use.device for use in uses] == [
            *(found.gpus or ()),
            *(found.npus or ()),
            *found.soc,
        ]
        assert runs_on_gpu or UseCode.USED not in {use.code for use in uses}


@pytest.mark.parametrize("name", sorted(set(_EXPECTED) - {"garbage", "driver-that-crashes"}))
def test_a_sound_machine_raises_no_issue(name: str) -> None:
    assert machine(name).issues == ()


def test_a_machine_survives_json(tmp_path: Path) -> None:
    for name in _EXPECTED:
        found = machine(name)
        assert msgspec.json.decode(msgspec.json.encode(found), type=Machine) == found
    assert json.loads(msgspec.json.encode(detect(tmp_path)))["os"] == "linux"


def test_an_empty_tree_is_all_unknown_and_no_issue(tmp_path: Path) -> None:
    found = detect(tmp_path)
    assert found == Machine(os="linux")


def test_devices_that_could_not_be_asked_are_told_from_those_without_a_backend() -> None:
    (crashed,) = device_uses(machine("driver-that-crashes"), runs_on_gpu=False)
    (unsupported,) = device_uses(machine("n100-mini-pc"), runs_on_gpu=False)
    assert (crashed.code, unsupported.code) == (UseCode.DRIVER_CRASHED, UseCode.NO_BACKEND)


def test_a_list_of_cpus_is_bounded() -> None:
    assert parse_cpulist("0-3,8") == {0, 1, 2, 3, 8}
    for text in ("", "a", "3-1", "-1", "0-99999", "1,,2", "0x3"):
        with pytest.raises(ValueError, match=r"."):
            parse_cpulist(text)


def test_class_1180_is_an_npu_only_with_the_id_of_one() -> None:
    npus = machine("amd-780m-class-0380").npus
    assert npus is not None
    assert [(npu.pci_id, npu.driver, npu.node) for npu in npus] == [
        ("1022:1502", "amdxdna", "accel0")
    ]
    decoyed = machine("core-ultra-npu-unbound-decoy-1180").npus
    assert decoyed is not None
    assert [npu.pci_id for npu in decoyed] == ["8086:7d1d"]


def test_a_hybrid_processor_tells_its_kinds_of_cores() -> None:
    cpu = machine("core-ultra-npu-unbound-decoy-1180").cpu
    assert (cpu.physical_cores, cpu.logical_cpus, cpu.performance_cores) == (16, 22, 6)
    spark = machine("dgx-spark").cpu
    assert (spark.physical_cores, spark.performance_cores) == (20, 10)


def test_equal_cores_have_no_kinds() -> None:
    cpu = machine("nvidia-desktop").cpu
    assert (cpu.physical_cores, cpu.logical_cpus, cpu.performance_cores) == (6, 12, None)
    assert cpu.cache_bytes == 32 * 2**20


def test_container_limits_are_read() -> None:
    found = machine("container-with-limits")
    assert found.cpu.quota_cpus == 2.5
    assert found.cpu.allowed_cpus == 8
    assert found.memory.limit_bytes == 2 * 2**30


def test_a_limit_of_a_parent_group_holds_where_the_own_path_is_not_mounted(tmp_path: Path) -> None:
    write(tmp_path, "proc/self/cgroup", "0::/system.slice/atre.service\n")
    write(tmp_path, "sys/fs/cgroup/system.slice/memory.max", f"{3 * 2**30}\n")
    write(tmp_path, "sys/fs/cgroup/memory.max", "max\n")
    assert detect(tmp_path).memory.limit_bytes == 3 * 2**30


def test_limits_of_the_first_cgroup_version_are_read(tmp_path: Path) -> None:
    write(tmp_path, "proc/self/cgroup", "4:memory:/box\n2:cpu,cpuacct:/box\n0::/\n")
    write(tmp_path, "sys/fs/cgroup/memory/box/memory.limit_in_bytes", f"{2**30}\n")
    write(tmp_path, "sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")
    write(tmp_path, "sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "150000\n")
    write(tmp_path, "sys/fs/cgroup/cpu/box/cpu.cfs_period_us", "100000\n")
    write(tmp_path, "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n")
    found = detect(tmp_path)
    assert found.memory.limit_bytes == 2**30
    assert found.cpu.quota_cpus == 1.5
    assert found.issues == ()


def test_a_cgroup_path_cannot_lead_out_of_the_tree(tmp_path: Path) -> None:
    write(tmp_path, "memory.max", "1\n")
    (tmp_path / "root/sys/fs/cgroup").mkdir(parents=True)
    write(tmp_path, "root/proc/self/cgroup", "0::/../../../..\n")
    assert detect(tmp_path / "root").memory.limit_bytes is None


def test_filler_names_and_serials_never_appear(tmp_path: Path) -> None:
    write(tmp_path, "sys/class/dmi/id/product_name", "System Product Name\n")
    write(tmp_path, "sys/class/dmi/id/product_serial", "SECRET-SERIAL\n")
    write(tmp_path, "sys/class/dmi/id/product_uuid", "SECRET-UUID\n")
    found = detect(tmp_path)
    assert found.product.name is None
    assert b"SECRET" not in msgspec.json.encode(found)


def test_garbage_gives_unknown_facts_and_an_issue_each() -> None:
    found = machine("garbage")
    assert found.memory.total_bytes is None
    assert found.cpu.physical_cores is None
    assert found.cpu.quota_cpus is None
    assert found.product.vendor is None
    assert found.gpus is not None
    assert [gpu.address for gpu in found.gpus] == ["0000:04:00.0"]
    assert found.gpus[0].memory_bytes is None
    sources = {issue.source: issue.code for issue in found.issues}
    assert sources["proc/cpuinfo"] is IssueCode.MALFORMED
    assert sources["sys/bus/pci/devices/0000:02:00.0/vendor"] is IssueCode.VANISHED
    assert sources["sys/bus/pci/devices/0000:03:00.0/vendor"] is IssueCode.MALFORMED
    assert sources["sys/bus/pci/devices/0000:04:00.0/driver"] is IssueCode.UNREADABLE
    assert sources["devices.json"] is IssueCode.MALFORMED


@pytest.mark.parametrize(
    "content", [b"", b"N/A", b"\xff\xfe\x00", b"-1", b"9" * 400, b"\n\n:\n:::"]
)
def test_no_file_of_a_tree_can_make_detection_raise(tmp_path: Path, content: bytes) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(_MACHINES / "amd-780m-class-0380", tree, symlinks=True)
    shutil.copytree(_MACHINES / "container-with-limits", tree, dirs_exist_ok=True)
    shutil.copytree(_MACHINES / "raspberry-pi-5/sys/firmware", tree / "sys/firmware")
    for path in sorted(tree.rglob("*")):
        if path.is_file() and not path.is_symlink():
            before = path.read_bytes()
            path.write_bytes(content)
            found = detect(tree)
            explain(found, choose(found, _PROFILES))
            msgspec.json.encode(found)
            path.write_bytes(before)


def test_a_tree_that_goes_away_piece_by_piece_never_raises(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(_MACHINES / "core-ultra-npu-unbound-decoy-1180", tree, symlinks=True)
    for path in sorted(tree.rglob("*"), reverse=True):
        path.unlink() if path.is_symlink() or path.is_file() else path.rmdir()
        detect(tree)
    assert detect(tree) == Machine(os="linux")


def test_recorded_devices_are_joined_by_address() -> None:
    found = machine("dgx-spark")
    assert found.devices is not None
    assert found.devices[0].type is DeviceType.IGPU
    assert found.gpus is not None
    assert found.devices[0].pci_address == found.gpus[0].address


def write(root: Path, path: str, content: str) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content, "utf-8")
