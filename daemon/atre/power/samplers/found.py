# SPDX-License-Identifier: Apache-2.0
"""Which samplers this machine has. A new kind of source is one file here and one line below."""

import sys
from collections.abc import Sequence
from pathlib import Path

from atre.hardware.tree import Tree
from atre.power.powercap import read_domains
from atre.power.sampler import Sampler
from atre.power.samplers.apple import AppleChip
from atre.power.samplers.battery import Battery
from atre.power.samplers.hwmon import HwmonCards
from atre.power.samplers.nvml import NvidiaCards
from atre.power.samplers.plug import Plug, PlugSettings
from atre.power.samplers.rapl import RaplFiles
from atre.power.samplers.rapl_socket import SOCKET, RaplSocket

_NVIDIA_DRIVER = "proc/driver/nvidia/version"


def found_samplers(
    root: Path = Path("/"), plugs: Sequence[PlugSettings] = (), rapl_socket: Path = SOCKET
) -> list[Sampler]:
    """The samplers of the machine whose files are below ``root``; close each at the end."""
    samplers: list[Sampler] = [Plug(plug) for plug in plugs]
    if sys.platform == "darwin":
        return [*samplers, AppleChip()]
    samplers.append(_rapl(root, rapl_socket))
    samplers += [HwmonCards(Tree(root)), Battery(Tree(root))]
    if Tree(root).text(_NVIDIA_DRIVER) is not None:
        samplers.append(NvidiaCards())
    return samplers


def _rapl(root: Path, rapl_socket: Path) -> Sampler:
    """The counters themselves where this process may read them (root), else the reader's word."""
    is_readable = any(domain.count_uj is not None for domain in read_domains(Tree(root)))
    return RaplFiles(Tree(root)) if is_readable else RaplSocket(Tree(root), rapl_socket)
