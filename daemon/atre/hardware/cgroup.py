# SPDX-License-Identifier: Apache-2.0
"""Limits that a container or a service manager put on this process.

A limit of any ancestor holds too. Inside a cgroup namespace, /proc/self/cgroup may name a path
that is not mounted: its ancestors that are mounted still count.
Source: kernel Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst.
"""

from collections.abc import Iterator
from pathlib import PurePosixPath

from atre.hardware.kernel_number import parse_kernel_number
from atre.hardware.machine import IssueCode
from atre.hardware.tree import Tree

_UNLIMITED_BYTES = 2**60  # version 1 writes LONG_MAX rounded down to a page for "no limit"
_UNLIMITED_QUOTA = "-1"  # what version 1 writes there


def memory_limit_bytes(tree: Tree) -> int | None:
    """The tightest memory limit above this process, None without one."""
    limits = [
        limit
        for directory in _directories(tree, "memory")
        for name in ("memory.max", "memory.limit_in_bytes")
        if (limit := _limit(tree, f"{directory}/{name}")) is not None and limit < _UNLIMITED_BYTES
    ]
    return min(limits, default=None)


def quota_cpus(tree: Tree) -> float | None:
    """The tightest CPU bandwidth limit above this process, in CPUs, None without one."""
    quotas = [
        quota
        for directory in _directories(tree, "cpu")
        for quota in (_quota_v2(tree, directory), _quota_v1(tree, directory))
        if quota is not None
    ]
    return min(quotas, default=None)


def _directories(tree: Tree, controller: str) -> Iterator[str]:
    for line in (tree.text("proc/self/cgroup") or "").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and controller not in controllers.split(","):
            continue
        mount = f"sys/fs/cgroup/{controller}" if controllers else "sys/fs/cgroup"
        relative = PurePosixPath(path.lstrip("/"))
        if ".." not in relative.parts:
            for level in (relative, *relative.parents):
                yield f"{mount}/{level}"


def _limit(tree: Tree, path: str) -> int | None:
    if tree.text(path) == "max":
        return None
    return tree.integer(path)


def _quota_v2(tree: Tree, directory: str) -> float | None:
    text = tree.text(f"{directory}/cpu.max")
    if text is None or text.startswith("max"):
        return None
    try:
        quota_us, period_us = map(parse_kernel_number, text.split())
        return quota_us / period_us
    except (ValueError, ZeroDivisionError):
        tree.report(IssueCode.MALFORMED, f"{directory}/cpu.max", f"{text[:40]!r} is not a quota")
        return None


def _quota_v1(tree: Tree, directory: str) -> float | None:
    path = f"{directory}/cpu.cfs_quota_us"
    if tree.text(path) == _UNLIMITED_QUOTA:
        return None
    quota_us = tree.integer(path)
    period_us = tree.integer(f"{directory}/cpu.cfs_period_us")
    return quota_us / period_us if quota_us and period_us else None
