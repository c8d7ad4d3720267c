# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from atre.hardware.choose import choose
from atre.hardware.machine import Issue, IssueCode
from atre.hardware.macos import Run, read_macos
from atre.hardware.profiles import load_profiles

_PROFILES = load_profiles(Path(__file__).parents[2] / "hardware-profiles")
_SYSCTL = b"""\
hw.ncpu: 10
hw.memsize: 17179869184
hw.perflevel0.physicalcpu: 4
hw.perflevel0.l2cachesize: 16777216
hw.perflevel0.name: Performance
hw.perflevel1.physicalcpu: 6
hw.optional.arm.FEAT_DotProd: 1
hw.optional.arm.FEAT_BF16: 1
hw.optional.arm.FEAT_I8MM: 1
hw.optional.arm.FEAT_SME: 1
hw.optional.arm.FEAT_SVE: 0
hw.physicalcpu: 10
hw.logicalcpu: 10
hw.pagesize: 16384
hw.machine: arm64
hw.model: Mac16,10
machdep.cpu.brand_string: Apple M4
kern.osrelease: 24.5.0
kern.osproductversion: 15.5
"""
_VM_STAT = b"""\
Mach Virtual Memory Statistics: (page size of 16384 bytes)
Pages free:                              100000.
Pages active:                            300000.
Pages inactive:                          250000.
Pages speculative:                        50000.
"Translation faults":                 123456789.
"""


def recorded(sysctl: bytes | Issue, vm_stat: bytes | Issue) -> Run:
    return lambda command, _limit_s: vm_stat if command[0].endswith("vm_stat") else sysctl


def test_a_mac_mini_is_read_from_its_two_programs() -> None:
    found = read_macos(recorded(_SYSCTL, _VM_STAT))
    assert (found.os, found.os_version, found.kernel) == ("macos", "macOS 15.5", "24.5.0")
    assert (found.cpu.model, found.cpu.architecture) == ("Apple M4", "arm64")
    assert (found.cpu.physical_cores, found.cpu.performance_cores) == (10, 4)
    assert found.cpu.flags == ("asimddp", "bf16", "i8mm", "sme")
    assert found.memory.total_bytes == 16 * 2**30
    assert found.memory.available_bytes == 400_000 * 16384
    assert found.product.name == "Mac16,10"
    assert found.gpus is None
    assert found.issues == ()
    assert choose(found, _PROFILES).profile.name == "mac-mini-m4"


@pytest.mark.parametrize(
    ("model", "profile"),
    [
        (b"Mac16,11", "mac-mini-m4-pro"),
        (b"Mac16,9", "mac-studio-m4-max"),
        (b"Mac15,14", "mac-studio-m3-ultra"),
        (b"Mac14,3", "apple-silicon"),
    ],
)
def test_a_mac_is_told_by_its_model_and_another_gets_the_general_profile(
    model: bytes, profile: str
) -> None:
    found = read_macos(recorded(_SYSCTL.replace(b"Mac16,10", model), _VM_STAT))
    assert choose(found, _PROFILES).profile.name == profile


def test_an_intel_mac_runs_on_its_processor() -> None:
    sysctl = b"hw.machine: x86_64\nhw.physicalcpu: 6\nhw.logicalcpu: 12\nhw.l3cachesize: 12582912\n"
    found = read_macos(recorded(sysctl, _VM_STAT))
    assert found.cpu.performance_cores is None
    assert found.cpu.cache_bytes == 12 * 2**20
    assert choose(found, _PROFILES).profile.name == "generic-cpu"


def test_programs_that_fail_leave_facts_unknown_and_say_so() -> None:
    slow = Issue(IssueCode.TIMED_OUT, "sysctl", "no answer within 2 s")
    found = read_macos(recorded(slow, slow))
    assert found.cpu.physical_cores is None
    assert found.memory.available_bytes is None
    assert slow in found.issues


def test_garbled_numbers_are_unknown_with_an_issue() -> None:
    found = read_macos(recorded(b"hw.memsize: N/A\nhw.physicalcpu: \xff\n", b"Pages free: many.\n"))
    assert found.memory.total_bytes is None
    assert {issue.code for issue in found.issues} == {IssueCode.MALFORMED}
    assert len(found.issues) == 3
