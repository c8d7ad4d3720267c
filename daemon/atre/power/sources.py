# SPDX-License-Identifier: Apache-2.0
import os
from collections.abc import Sequence
from pathlib import Path

from atre.hardware.tree import Tree
from atre.ipc.power_messages import PowerSettings, PowerSource
from atre.power.reading import Reading
from atre.power.sampler import Sampler
from atre.power.samplers.rapl import RaplFiles
from atre.power.samplers.rapl_socket import RaplSocket


def samplers_of(settings: PowerSettings, plug_password: str) -> list[Sampler]:
    """The samplers of this machine, and of the plug and the UPS that the manager named."""
    del settings, plug_password
    tree = Tree(Path("/"))
    # Root reads the counters itself; for others the privileged reader does, or says what to do.
    return [RaplFiles(tree) if os.geteuid() == 0 else RaplSocket(tree)]


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
