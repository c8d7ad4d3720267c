# SPDX-License-Identifier: Apache-2.0
from collections import Counter

from atre.hardware.explain_words import line, number
from atre.hardware.machine import Memory, MemoryModule


def memory_speed(memory: Memory, *, french: bool = False) -> str:
    """What the memory can carry in theory and from which modules, in one line."""
    if memory.modules is None:
        return line("bus_unlisted", french=french)
    counts = Counter(_module(module, french=french) for module in memory.modules)
    modules = ", ".join(f"{count} × {module}" for module, count in counts.items())
    modules = modules or line("no_module", french=french)
    bus = memory.bus
    if bus is None:
        return line("bus_unknown", modules, french=french)
    channels = (
        line("one_channel", french=french)
        if bus.channels == 1
        else line("channels", bus.channels, french=french)
    )
    return line(
        "bus",
        number(bus.bandwidth_bytes_per_s / 1e9, 1, french=french),
        channels,
        bus.data_bits,
        bus.speed_mts,
        modules,
        "" if bus.is_configured else line("by_label", french=french),
        french=french,
    )


def _module(module: MemoryModule, *, french: bool) -> str:
    unit = "Gio" if french else "GiB"
    facts = [
        line("size_unknown", french=french)
        if module.size_bytes is None
        else f"{module.size_bytes / 2**30:g} {unit}",
        module.technology or "",
    ]
    return " ".join(fact for fact in facts if fact)
