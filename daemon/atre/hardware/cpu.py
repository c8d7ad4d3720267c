# SPDX-License-Identifier: Apache-2.0
import re

from atre.hardware.cgroup import quota_cpus
from atre.hardware.cpulist import parse_cpulist
from atre.hardware.kernel_number import parse_kernel_number
from atre.hardware.machine import Cpu, IssueCode
from atre.hardware.tree import Tree

# What ggml-cpu has code for (ggml/src/ggml-cpu/CMakeLists.txt); the rest cannot change the plan.
CPU_FLAGS = frozenset({
    "avx", "avx2", "avx_vnni", "avx512f", "avx512vl", "avx512_vnni", "avx512_bf16",
    "amx_tile", "amx_int8", "f16c", "fma", "bmi2",
    "asimd", "asimdhp", "asimddp", "i8mm", "bf16", "sve", "sve2", "sme",
})  # fmt: skip
_CPU_DIRECTORY = re.compile(r"cpu\d+")
_CACHE_SIZE = re.compile(r"([0-9]{1,9})([KMG]?)")
_UNIT_BYTES = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}
_BIG_CAPACITY = 1024  # kernel Documentation/devicetree/bindings/cpu/cpu-capacity.txt
_SYSTEM = "sys/devices/system/cpu"


def read_cpu(tree: Tree) -> Cpu:
    """CPU facts from /proc/cpuinfo, /proc/self/status, the CPU topology in sysfs and the cgroup."""
    info = _cpuinfo(tree)
    cores = _cores(tree)
    flags = info.get("flags") or info.get("Features")
    return Cpu(
        architecture=tree.text("proc/sys/kernel/arch") or _architecture(info),
        vendor=info.get("vendor_id") or info.get("CPU implementer"),
        model=info.get("model name") or _arm_model(info),
        flags=tuple(sorted(CPU_FLAGS.intersection(flags.split()))) if flags else None,
        physical_cores=len(cores) if cores else None,
        logical_cpus=sum(map(len, cores)) if cores else _num_processors(info),
        performance_cores=_performance_cores(tree, cores) if cores else None,
        cache_bytes=_cache_bytes(tree),
        quota_cpus=quota_cpus(tree),
        allowed_cpus=_allowed_cpus(tree),
    )


def _cpuinfo(tree: Tree) -> dict[str, str]:
    """Keys of the first processor; ``processor`` is the number of the last one."""
    info: dict[str, str] = {}
    for line in (tree.text("proc/cpuinfo") or "").splitlines():
        key, found, value = line.partition(":")
        key = key.strip()
        if found and (key not in info or key == "processor"):
            info[key] = value.strip()
    return info


def _arm_model(info: dict[str, str]) -> str | None:
    """ARM processors give numbers only: who designed the core, and which one it is."""
    implementer, part = info.get("CPU implementer"), info.get("CPU part")
    return f"ARM implementer {implementer} part {part}" if implementer and part else None


def _num_processors(info: dict[str, str]) -> int | None:
    try:
        return parse_kernel_number(info.get("processor", "")) + 1
    except ValueError:
        return None


def _architecture(info: dict[str, str]) -> str | None:
    """/proc/sys/kernel/arch appeared in Linux 6.1; before, cpuinfo tells 64-bit x86 and ARM."""
    if "lm" in info.get("flags", "").split():
        return "x86_64"
    return "aarch64" if info.get("CPU architecture") == "8" else None


def _cores(tree: Tree) -> frozenset[frozenset[int]]:
    """Physical cores, each as its hardware threads; core ids alone repeat between clusters."""
    cores: set[frozenset[int]] = set()
    for name in tree.names(_SYSTEM) or []:
        if _CPU_DIRECTORY.fullmatch(name):
            topology = f"{_SYSTEM}/{name}/topology"
            siblings = _cpulist(tree, f"{topology}/core_cpus_list") or _cpulist(
                tree, f"{topology}/thread_siblings_list"
            )
            cores |= {siblings} if siblings else set()
    return frozenset(cores)


def _performance_cores(tree: Tree, cores: frozenset[frozenset[int]]) -> int | None:
    """Cores of the fast kind: Intel hybrid CPUs have two PMUs, ARM gives each CPU a capacity."""
    fast = _cpulist(tree, "sys/devices/cpu_core/cpus")
    if fast is None or not tree.names("sys/devices/cpu_atom"):
        capacities = {
            cpu: tree.integer(f"{_SYSTEM}/cpu{cpu}/cpu_capacity") for core in cores for cpu in core
        }
        if len(set(capacities.values())) == 1:
            return None
        fast = frozenset(cpu for cpu, capacity in capacities.items() if capacity == _BIG_CAPACITY)
    return sum(1 for core in cores if core & fast) or None


def _cache_bytes(tree: Tree) -> int | None:
    caches: list[tuple[int, int]] = []
    for name in tree.names(f"{_SYSTEM}/cpu0/cache") or []:
        if not name.startswith("index"):
            continue
        level = tree.integer(f"{_SYSTEM}/cpu0/cache/{name}/level")
        size = _CACHE_SIZE.fullmatch(tree.text(f"{_SYSTEM}/cpu0/cache/{name}/size") or "")
        if level is not None and size is not None:
            caches.append((level, int(size[1]) * _UNIT_BYTES[size[2]]))
    return max(caches)[1] if caches else None


def _allowed_cpus(tree: Tree) -> int | None:
    for line in (tree.text("proc/self/status") or "").splitlines():
        key, _, value = line.partition(":")
        if key == "Cpus_allowed_list":
            return len(_parsed(tree, "proc/self/status", value.strip()) or ()) or None
    return None


def _cpulist(tree: Tree, path: str) -> frozenset[int] | None:
    text = tree.text(path)
    return None if text is None else _parsed(tree, path, text)


def _parsed(tree: Tree, path: str, text: str) -> frozenset[int] | None:
    try:
        return parse_cpulist(text)
    except ValueError:
        tree.report(IssueCode.MALFORMED, path, f"{text[:40]!r} is not a list of CPUs")
        return None
