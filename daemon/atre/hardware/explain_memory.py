# SPDX-License-Identifier: Apache-2.0
from collections import Counter

from atre.hardware.machine import Memory, MemoryModule


def memory_speed(memory: Memory) -> str:
    """What the memory can carry in theory and from which modules, in one English line."""
    if memory.modules is None:
        return "Memory speed: unknown, udev lists no memory modules here"
    counts = Counter(_module(module) for module in memory.modules)
    modules = ", ".join(f"{count} × {module}" for module, count in counts.items()) or "no module"
    bus = memory.bus
    if bus is None:
        return (
            f"Memory speed: unknown, the firmware names {modules} and leaves out others, their "
            "speed, or which of them share a channel"
        )
    channels = "1 channel" if bus.channels == 1 else f"{bus.channels} channels"
    basis = "" if bus.is_configured else ", by their label"
    return (
        f"Memory speed: {bus.bandwidth_bytes_per_s / 1e9:.1f} GB/s in theory, {channels} with "
        f"{bus.data_bits} bits together at {bus.speed_mts} MT/s ({modules}{basis})"
    )


def _module(module: MemoryModule) -> str:
    facts = [
        "size unknown" if module.size_bytes is None else f"{module.size_bytes / 2**30:g} GiB",
        module.technology or "",
    ]
    return " ".join(fact for fact in facts if fact)
