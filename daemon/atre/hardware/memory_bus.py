# SPDX-License-Identifier: Apache-2.0
"""From memory modules to the bandwidth of all channels together; it bounds the tokens per second.

Sum over channels of data width × transfers per second: two modules in one channel take turns.
"""

import re
from collections.abc import Sequence

from atre.hardware.machine import MemoryBus, MemoryModule

# The most modules that nobody puts in one channel while another is free.
_MAX_UNNAMED_MODULES = 2
_MODULE_BITS = 64  # JEDEC: every DIMM from DDR to DDR5 without its check bits
_WIDTHS_BITS = frozenset({8, 16, 32, _MODULE_BITS, 128})
_SPEEDS_MTS = range(100, 20_001)
# "P0 CHANNEL A", "ChannelA-DIMM0", "Controller1ChannelADimm0"; "DIMM_A1" and "DIMMA1" on desktops.
_CHANNEL = re.compile(r"channel[ _-]?([a-z]|[0-9]+)|dimm[ _]?([a-h])[0-9]", re.IGNORECASE)
_CONTROLLER = re.compile(r"(?:controller|cpu|node|\bp)[ _]?([0-9]+)", re.IGNORECASE)
_SLOT = re.compile(r"(?:slot|dimm)[ _]?[a-h]?([0-9]+)", re.IGNORECASE)

_Channel = tuple[str, ...]


def memory_bus(modules: Sequence[MemoryModule], total_bytes: int | None) -> MemoryBus | None:
    """The channels that the modules fill, None if the firmware does not tell enough of them.

    ``total_bytes`` of main memory must fit in the modules, else some of them are not listed.
    """
    sizes = [module.size_bytes for module in modules]
    widths = [_data_bits(module) for module in modules]
    speeds = [_speed_mts(module) for module in modules]
    channels = _channels(modules, widths)
    if not modules or channels is None or None in sizes or None in speeds:
        return None
    if sum(size for size in sizes if size) < (total_bytes or 0):
        return None
    width_of: dict[_Channel, int] = {}
    for channel, width in zip(channels, widths, strict=True):
        if width is None:
            return None
        width_of[channel] = max(width, width_of.get(channel, 0))
    # All channels share one clock, that of the slowest module.
    speed_mts = min(speed for speed in speeds if speed)
    data_bits = sum(width_of.values())
    return MemoryBus(
        channels=len(width_of),
        data_bits=data_bits,
        speed_mts=speed_mts,
        is_configured=all(module.configured_mts for module in modules),
        bandwidth_bytes_per_s=data_bits * speed_mts * 1_000_000 // 8,
    )


def _data_bits(module: MemoryModule) -> int | None:
    if module.data_bits in _WIDTHS_BITS:
        return module.data_bits
    return _MODULE_BITS if module.form_factor in {"DIMM", "SODIMM"} else None


def _speed_mts(module: MemoryModule) -> int | None:
    speed_mts = module.configured_mts or module.rated_mts
    return speed_mts if speed_mts in _SPEEDS_MTS else None


def _channels(
    modules: Sequence[MemoryModule], widths: Sequence[int | None]
) -> list[_Channel] | None:
    """The channel of each module; None if the names do not say who shares one and some might."""
    places = [_place(module) for module in modules]
    named = [place for place in places if place is not None]
    # Two modules in one slot are impossible, so such names were copied without thought.
    if len(set(named)) == len(modules):
        return [channel for channel, _slot in named]
    # One or two modules, and chips narrower than a module, have a channel each.
    if len(modules) <= _MAX_UNNAMED_MODULES or all(
        (width or _MODULE_BITS) < _MODULE_BITS for width in widths
    ):
        return [(str(index),) for index in range(len(modules))]
    return None


def _place(module: MemoryModule) -> tuple[_Channel, str] | None:
    """Channel and slot by the names that the maker printed on the board."""
    names = f"{module.bank_locator or ''} {module.locator or ''}"
    channel, slot = _CHANNEL.search(names), _SLOT.search(names)
    if channel is None:
        return None
    letter = (channel[1] or channel[2]).upper()
    return (*_CONTROLLER.findall(names), letter), slot[1] if slot else ""
