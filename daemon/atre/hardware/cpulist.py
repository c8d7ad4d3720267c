# SPDX-License-Identifier: Apache-2.0
# More CPUs than Linux can be built for (NR_CPUS 8192); stops "0-999999999" from filling memory.
_MAX_CPUS = 8192


def parse_cpulist(text: str) -> frozenset[int]:
    """CPU numbers of a kernel list such as ``0-3,8``.

    Raises ValueError for anything else. Source: kernel Documentation/core-api/cpu_hotplug.rst.
    """
    cpus: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        start, end = int(first), int(last or first)
        if not 0 <= start <= end < _MAX_CPUS:
            raise ValueError(f"{part!r} is not a range of CPU numbers")
        cpus.update(range(start, end + 1))
    return frozenset(cpus)
