# SPDX-License-Identifier: Apache-2.0
"""Recorded machines whose point is the profile; test_detect.py has those about detection."""

import runpy
from pathlib import Path

import pytest

from atre.hardware.choose import choose
from atre.hardware.detect import detect
from atre.hardware.explain import explain
from atre.hardware.profiles import load_profiles
from atre.hardware.threads import count_threads

_ROOT = Path(__file__).parents[2]
_MACHINES = _ROOT / "tests" / "machines"
_PROFILES = load_profiles(_ROOT / "hardware-profiles")

# Recorded tree → profile chosen, and the beginning of lines that its explanation must hold.
_EXPECTED = {
    "hawk-point-780m-class-0300": (
        "amd-radeon-780m",
        [
            "Machine: AZW SER8",
            "Memory speed: 89.6 GB/s in theory, 2 channels with 128 bits together at 5600 MT/s",
            "GPU: 0000:c5:00.0 [1002:1900], integrated, 4.0 GiB of its own, driver amdgpu: used",
            "NPU: 0000:c6:00.1 [1022:1502], driver amdxdna: present",
            (
                "Profile: amd-radeon-780m (Mini PC with an AMD Radeon 780M, 760M or 740M, through "
                "Vulkan): it matches os linux; gfx gfx1103; device_types igpu."
            ),
            "Not amd-radeon-890m: gfx must be gfx1150, here gfx1103.",
            "Not vulkan-igpu: amd-radeon-780m describes this machine better.",
        ],
    ),
    "strix-point-890m": (
        "amd-radeon-890m",
        [
            (
                "Memory speed: 89.6 GB/s in theory, 2 channels with 128 bits together at 5600 MT/s "
                "(2 × 48 GiB DDR5)"
            ),
            "GPU: 0000:65:00.0 [1002:150e], integrated, 1.0 GiB of its own, driver amdgpu: used",
            "Not strix-halo: pci_ids must be 1002:1586, here 1002:150e, 1022:17f0.",
        ],
    ),
    "krackan-860m-one-module": (
        "amd-radeon-860m",
        [
            "Memory speed: 44.8 GB/s in theory, 1 channel with 64 bits together at 5600 MT/s",
            "NPU: 0000:c2:00.1 [1022:17f0], no driver: present, driver missing",
            "Published for such a machine: 23.81 tokens/s, Llama 3.2 3B",
        ],
    ),
    "meteor-lake-125h": (
        "intel-core-ultra-meteor-lake",
        [
            "Memory speed: 89.6 GB/s in theory, 2 channels with 128 bits together at 5600 MT/s",
            "GPU: 0000:00:02.0 [8086:7d55], integrated, driver i915: used",
            "NPU: 0000:00:0b.0 [8086:7d1d], driver intel_vpu: present, driver loaded",
            "Models for it, best first: ministral-3-8b, qwen3-4b",
        ],
    ),
    "lunar-lake-258v": (
        "intel-core-ultra-lunar-lake",
        [
            "Memory speed: 136.5 GB/s in theory, 8 channels with 128 bits together at 8533 MT/s",
            "GPU: 0000:00:02.0 [8086:64a0], integrated, driver xe: used",
            "NPU: 0000:00:0b.0 [8086:643e], driver intel_vpu: present, driver loaded",
        ],
    ),
    "i7-1270p-iris-xe": (
        "intel-iris-xe",
        [
            "Processor: 12th Gen Intel(R) Core(TM) i7-1270P, x86_64, 12 cores, 16 CPUs, 4 of them",
            "Memory speed: 51.2 GB/s in theory, 2 channels",
            "Not vulkan-igpu: device_types must be igpu, here cpu.",
        ],
    ),
    "i5-12450h-uhd-with-vulkan": (
        "intel-uhd-12th-gen",
        [
            "GPU: 0000:00:02.0 [8086:46a3], integrated, driver i915: not used:",
            "Published for such a machine: 12.85 tokens/s, Gemma 3 4B",
            "Not vulkan-igpu: intel-uhd-12th-gen describes this machine better.",
        ],
    ),
    "n150-nucbox-g3-plus": (
        "intel-n-series",
        [
            "Machine: GMKtec NucBox G3 Plus",
            (
                "Memory speed: 25.6 GB/s in theory, 1 channel with 64 bits together at 3200 MT/s "
                "(1 × 16 GiB DDR4)"
            ),
            "Published for such a machine: 9.06 tokens/s, Llama 3.2 3B",
        ],
    ),
    "two-cards-behind-one-bridge": (
        "amd-radeon-rx-7900",
        [
            "Memory speed: 102.4 GB/s in theory, 4 channels with 256 bits together at 3200 MT/s",
            "GPU: 0000:19:00.0 [1002:744c], card, 20.0 GiB of its own, driver amdgpu: used",
            "GPU: 0000:1c:00.0 [1002:744c], card, 20.0 GiB of its own, driver amdgpu: not used",
            "Not vulkan-gpu: amd-radeon-rx-7900 describes this machine better.",
        ],
    ),
    "rtx-5070-beside-iris-xe": (
        "nvidia-rtx-5070",
        [
            "GPU: 0000:00:02.0 [8086:a7a0], integrated, driver i915: not used",
            "GPU: 0000:01:00.0 [10de:2f04], card, driver nvidia: used",
            "Not intel-iris-xe: nvidia-rtx-5070 describes this machine better.",
        ],
    ),
    "arc-b580-beside-arrow-lake": (
        "intel-arc-b580",
        [
            (
                "Memory speed: 89.6 GB/s in theory, 2 channels with 128 bits together at 5600 MT/s "
                "(4 × 16 GiB DDR5)"
            ),
            "GPU: 0000:00:02.0 [8086:7d67], integrated, driver i915: not used",
            "GPU: 0000:03:00.0 [8086:e20b], card, 11.9 GiB of its own, driver xe: used",
            "NPU: 0000:00:0b.0 [8086:ad1d], no driver: present, driver missing",
            "Not intel-core-ultra-arrow-lake: intel-arc-b580 describes this machine better.",
        ],
    ),
    "jetson-orin-nano-super": (
        "jetson-orin-nano",
        [
            "Machine: NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super",
            "llama.cpp: CUDA0 (Orin), CPU (CPU)",
            "Not jetson-orin: jetson-orin-nano describes this machine better.",
            "Not nvidia: pci_vendors must be 10de, here none.",
        ],
    ),
    "rock-5b-rk3588": (
        "rk3588",
        [
            "Processor: ARM implementer 0x41 part 0xd05, aarch64, 8 cores, 8 CPUs, 4 of them",
            "Memory speed: unknown, udev lists no memory modules here",
            "Profile: rk3588 (Board with a Rockchip RK3588, on its processor): it matches",
        ],
    ),
    "orion-o6-cix-p1": (
        "cix-p1",
        [
            "Machine: Radxa Orion O6",
            "Published for such a machine: 16.49 tokens/s, Llama 3.2 3B",
        ],
    ),
    "virtual-machine": (
        "generic-cpu",
        [
            "Memory speed: unknown, the firmware names 1 × 8 GiB RAM and leaves out others",
            "GPU: 0000:00:01.0 [1af4:1050], driver virtio-pci: not used",
            "Profile: generic-cpu (Any computer, on its processor): it fits every machine.",
        ],
    ),
}


def test_every_recorded_machine_is_expected_in_one_of_two_files() -> None:
    elsewhere = runpy.run_path(str(Path(__file__).with_name("test_detect.py")))["_EXPECTED"]
    recorded = [path.name for path in _MACHINES.iterdir() if path.is_dir()]
    assert sorted(recorded) == sorted([*_EXPECTED, *elsewhere])


@pytest.mark.parametrize("name", sorted(_EXPECTED))
def test_a_recorded_machine_gets_its_profile_and_explanation(name: str) -> None:
    profile, beginnings = _EXPECTED[name]
    found = detect(_MACHINES / name)
    choice = choose(found, _PROFILES)
    assert choice.profile.name == profile
    lines = explain(found, choice)
    for beginning in beginnings:
        assert any(line.startswith(beginning) for line in lines), "\n".join(lines)
    refused = {line.split()[1].rstrip(":") for line in lines if line.startswith("Not ")}
    assert {other.name for other in _PROFILES} - {profile} <= refused
    assert found.issues == ()


def test_an_rk3588_computes_on_its_four_fast_cores() -> None:
    found = detect(_MACHINES / "rock-5b-rk3588")
    assert found.cpu.performance_cores == 4
    run = choose(found, _PROFILES).profile.run
    assert count_threads(found.cpu, run.threads)[0] == 4
