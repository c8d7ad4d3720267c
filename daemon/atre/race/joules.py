# SPDX-License-Identifier: Apache-2.0
"""Energy that the processor's package took, from its own counter.

Source: kernel Documentation/power/powercap/powercap.rst. Domains are nested: only top-level ones
are read, and ``psys`` alone where it exists, so that nothing is counted twice. Usually root only.
"""

import re
from pathlib import Path

import msgspec

from atre.hardware.tree import Tree

_POWERCAP = "sys/class/powercap"
_DOMAIN = re.compile(r"intel-rapl:\d+")  # AMD's counters appear under the same name


class Counter(msgspec.Struct, frozen=True):
    """One domain's count and where it starts again from 0, both in microjoules."""

    count_uj: int
    range_uj: int


def read_counters(root: Path = Path("/")) -> dict[str, Counter]:
    """Counters by domain; empty where they do not exist or may not be read."""
    tree = Tree(root)
    found: dict[str, Counter] = {}
    for domain in tree.names(_POWERCAP) or []:
        if not _DOMAIN.fullmatch(domain):
            continue
        name = tree.text(f"{_POWERCAP}/{domain}/name") or ""
        count = tree.integer(f"{_POWERCAP}/{domain}/energy_uj")
        limit = tree.integer(f"{_POWERCAP}/{domain}/max_energy_range_uj")
        if count is not None and limit and (name == "psys" or name.startswith("package")):
            found[name] = Counter(count, limit)
    return {"psys": found["psys"]} if "psys" in found else found


def joules_between(before: dict[str, Counter], after: dict[str, Counter]) -> float | None:
    """Energy from one reading to the next; None without counters or if they stood still."""
    if not before or before.keys() != after.keys():
        return None
    total_uj = sum(
        (after[name].count_uj - counter.count_uj) % counter.range_uj
        for name, counter in before.items()
    )
    return total_uj / 1e6 or None
