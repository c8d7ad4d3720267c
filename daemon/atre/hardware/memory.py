# SPDX-License-Identifier: Apache-2.0
from atre.hardware.cgroup import memory_limit_bytes
from atre.hardware.kernel_number import parse_kernel_number
from atre.hardware.machine import IssueCode, Memory
from atre.hardware.memory_bus import memory_bus
from atre.hardware.memory_modules import read_modules
from atre.hardware.tree import Tree

_KIB_BYTES = 1024  # /proc/meminfo says kB and means KiB (proc_meminfo(5))


def read_memory(tree: Tree) -> Memory:
    """Main memory from /proc/meminfo and the cgroup, and its modules from udev.

    /proc/meminfo ignores container limits.
    """
    lines = (tree.text("proc/meminfo") or "").splitlines()
    fields = {key: value for key, _, value in (line.partition(":") for line in lines)}
    total_bytes = _field_bytes(tree, fields, "MemTotal")
    modules = read_modules(tree)
    return Memory(
        total_bytes=total_bytes,
        available_bytes=_field_bytes(tree, fields, "MemAvailable"),
        limit_bytes=memory_limit_bytes(tree),
        modules=modules,
        bus=memory_bus(modules, total_bytes) if modules else None,
    )


def _field_bytes(tree: Tree, fields: dict[str, str], key: str) -> int | None:
    if key not in fields:
        return None
    try:
        return parse_kernel_number(fields[key].removesuffix("kB")) * _KIB_BYTES
    except ValueError:
        tree.report(IssueCode.MALFORMED, "proc/meminfo", f"{key} is {fields[key].strip()[:40]!r}")
        return None
