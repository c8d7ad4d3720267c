# SPDX-License-Identifier: Apache-2.0
"""Energy counters of the processor in the kernel's powercap tree (RAPL).

Domains are nested: psys contains the packages, a package its core, uncore and dram. Only top-level
ones are read, so that nothing is counted twice. Sources: kernel
Documentation/power/powercap/powercap.rst and drivers/powercap/intel_rapl_common.c.
"""

import re
from pathlib import Path

import msgspec

from atre.hardware.machine import IssueCode
from atre.hardware.tree import Tree

_POWERCAP = "sys/class/powercap"
PSYS = "psys"
# AMD's counters appear under the same name. The second interface to the same counters, over MMIO,
# repeats the package.
_DOMAIN = re.compile(r"intel-rapl(-mmio)?:\d+")
_NAME = re.compile(r"psys|(package-\d+)(-die-\d+)?")
_VENDOR = re.compile(r"^vendor_id\s*:\s*(\S+)", re.MULTILINE)


class Counter(msgspec.Struct, frozen=True):
    """One domain's count and where it starts again from 0, both in microjoules."""

    count_uj: int
    range_uj: int


class Domain(msgspec.Struct, frozen=True, kw_only=True):
    """A package or the platform (``psys``); ``count_uj`` is None where it cannot be read."""

    name: str
    count_uj: int | None
    range_uj: int | None
    is_forbidden: bool


def read_domains(tree: Tree) -> list[Domain]:
    """Top-level domains by name, each counter once; psys and the packages inside it both."""
    found: dict[str, str] = {}
    for directory in sorted(tree.names(_POWERCAP) or [], key=lambda name: "mmio" in name):
        name = tree.text(f"{_POWERCAP}/{directory}/name") or ""
        if _DOMAIN.fullmatch(directory) and _NAME.fullmatch(name):
            found.setdefault(name, directory)
    return [_domain(tree, name, found[name]) for name in _without_dies(tree, sorted(found))]


def read_counters(root: Path = Path("/")) -> dict[str, Counter]:
    """Counter of psys alone where it counts, else of the packages; empty where none may be read."""
    found = {
        domain.name: Counter(domain.count_uj, domain.range_uj)
        for domain in read_domains(Tree(root))
        if domain.count_uj is not None and domain.range_uj
    }
    return {PSYS: found[PSYS]} if PSYS in found else found


def joules_between(before: dict[str, Counter], after: dict[str, Counter]) -> float | None:
    """Energy from one reading to the next; None without counters or if they stood still."""
    if not before or before.keys() != after.keys():
        return None
    total_uj = sum(
        (after[name].count_uj - counter.count_uj) % counter.range_uj
        for name, counter in before.items()
    )
    return total_uj / 1e6 or None


def _domain(tree: Tree, name: str, directory: str) -> Domain:
    path = f"{_POWERCAP}/{directory}/energy_uj"
    count_uj = tree.integer(path)
    codes = {issue.code for issue in tree.issues if issue.source == path}
    return Domain(
        name=name,
        count_uj=count_uj,
        range_uj=tree.integer(f"{_POWERCAP}/{directory}/max_energy_range_uj") or None,
        is_forbidden=IssueCode.UNREADABLE in codes,
    )


def _without_dies(tree: Tree, names: list[str]) -> list[str]:
    """AMD has one counter a package, which some kernels list once a die: the first one stays."""
    dies = [name for name in names if "-die-" in name]
    if not dies or not _is_amd(tree):
        return names
    first: dict[str, str] = {}
    for name in names:
        first.setdefault(name.partition("-die-")[0], name)
    return list(first.values())


def _is_amd(tree: Tree) -> bool:
    vendor = _VENDOR.search(tree.text("proc/cpuinfo", "replace") or "")
    return vendor is not None and vendor[1] in {"AuthenticAMD", "HygonGenuine"}
