# SPDX-License-Identifier: Apache-2.0
from collections.abc import Sequence

from atre.ipc.power_messages import PowerSettings, PowerSource
from atre.power.reading import Reading
from atre.power.sampler import Sampler


def samplers_of(settings: PowerSettings, plug_password: str) -> list[Sampler]:
    """The samplers of this machine, and of the plug and the UPS that the manager named."""
    del settings, plug_password
    return []


def told_sources(readings: Sequence[Reading]) -> list[PowerSource]:
    """Readings as a message tells them."""
    return [
        PowerSource(
            source=each.source,
            scope=each.scope,
            basis=each.basis,
            power_w=each.power_w,
            reason=each.reason,
        )
        for each in readings
    ]
