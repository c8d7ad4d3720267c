# SPDX-License-Identifier: Apache-2.0
"""A Mac's facts, from sysctl(8) and vm_stat(1): macOS has neither /proc nor /sys."""

import re
from collections.abc import Callable

from atre.hardware.ask import ask
from atre.hardware.kernel_number import parse_kernel_number
from atre.hardware.machine import Cpu, Issue, IssueCode, Machine, Memory, Product, SocDevice

_TIME_LIMIT_S = 2.0
# Whole subtrees, because an unknown name makes sysctl fail and names differ between macOS versions;
# hw.machine and hw.model are not listed with their subtree.
_SYSCTL = (
    "/usr/sbin/sysctl", "hw", "hw.machine", "hw.model", "machdep.cpu.brand_string",
    "kern.osrelease", "kern.osproductversion",
)  # fmt: skip
_VM_STAT = ("/usr/bin/vm_stat",)
_PAGE_SIZE = re.compile(r"page size of ([0-9]{1,9}) bytes")
# What the kernel can hand out without swapping; the same sum as psutil's "available".
_AVAILABLE_PAGES = ("Pages free", "Pages speculative", "Pages inactive")
_ARM_FLAGS = {
    "hw.optional.arm.FEAT_DotProd": "asimddp",
    "hw.optional.arm.FEAT_I8MM": "i8mm",
    "hw.optional.arm.FEAT_BF16": "bf16",
    "hw.optional.arm.FEAT_SME": "sme",
}

# Every Apple processor has both, always with their drivers; neither is on a bus.
_APPLE_DEVICES = (
    SocDevice(kind="gpu", address="apple-gpu", compatible=("apple,gpu",), driver="Metal"),
    SocDevice(kind="npu", address="apple-ane", compatible=("apple,ane",), driver="ANE"),
)

Run = Callable[[tuple[str, ...], float], bytes | Issue]


def read_macos(run: Run = ask) -> Machine:
    """Facts of this Mac; ``run`` gives a command's output or why there is none."""
    issues: list[Issue] = []
    facts = _lines(run(_SYSCTL, _TIME_LIMIT_S), issues)
    version = facts.get("kern.osproductversion")
    return Machine(
        os="macos",
        os_version=f"macOS {version}" if version else None,
        kernel=facts.get("kern.osrelease"),
        cpu=_cpu(facts, issues),
        memory=Memory(
            total_bytes=_number(facts, "hw.memsize", issues),
            available_bytes=_available_bytes(run(_VM_STAT, _TIME_LIMIT_S), issues),
        ),
        soc=_APPLE_DEVICES if facts.get("hw.machine") == "arm64" else (),
        product=Product(vendor="Apple", name=facts.get("hw.model")),
        issues=tuple(issues),
    )


def _lines(answer: bytes | Issue, issues: list[Issue]) -> dict[str, str]:
    """``key: value`` lines, as both programs print them."""
    if isinstance(answer, Issue):
        issues.append(answer)
        return {}
    lines = answer.decode("utf-8", errors="replace").splitlines()
    pairs = (line.partition(":") for line in lines)
    return {key.strip(): value.strip() for key, found, value in pairs if found}


def _number(facts: dict[str, str], key: str, issues: list[Issue]) -> int | None:
    text = facts.get(key)
    if text is None:
        return None
    try:
        return parse_kernel_number(text.removesuffix("."))  # vm_stat ends numbers with a full stop
    except ValueError:
        issues.append(Issue(IssueCode.MALFORMED, key, f"{text[:40]!r} is not a number"))
        return None


def _cpu(facts: dict[str, str], issues: list[Issue]) -> Cpu:
    architecture = facts.get("hw.machine")
    on_arm = architecture == "arm64"
    return Cpu(
        architecture=architecture,
        vendor="Apple" if on_arm else None,
        model=facts.get("machdep.cpu.brand_string"),
        flags=tuple(sorted(flag for key, flag in _ARM_FLAGS.items() if facts.get(key) == "1"))
        if on_arm
        else None,
        physical_cores=_number(facts, "hw.physicalcpu", issues),
        logical_cpus=_number(facts, "hw.logicalcpu", issues),
        # Level 0 is the fastest kind of core; Intel Macs have only one kind and no such key.
        performance_cores=_number(facts, "hw.perflevel0.physicalcpu", issues),
        cache_bytes=_number(facts, "hw.perflevel0.l2cachesize", issues)
        or _number(facts, "hw.l3cachesize", issues),
    )


def _available_bytes(answer: bytes | Issue, issues: list[Issue]) -> int | None:
    page_size = (
        None if isinstance(answer, Issue) else _PAGE_SIZE.search(answer.decode("ascii", "replace"))
    )
    pages = [_number(_lines(answer, issues), key, issues) for key in _AVAILABLE_PAGES]
    if page_size is None or None in pages:
        return None
    return int(page_size[1]) * sum(count for count in pages if count)
