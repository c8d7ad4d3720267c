# SPDX-License-Identifier: Apache-2.0
"""The instruction set of an AMD GPU, which says more than its marketing name.

Source: kernel drivers/gpu/drm/amd/amdkfd/kfd_topology.c; LLVM's AMDGPU targets.
"""

import re

from atre.hardware.kernel_number import parse_kernel_number
from atre.hardware.tree import Tree

_NODES = "sys/class/kfd/kfd/topology/nodes"
_ADDRESS = re.compile(r"([0-9a-f]{4,8}):([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])")
# ``110501`` is gfx1151: major, minor and stepping, the last two in hexadecimal.
_VERSION = re.compile(r"([1-9][0-9]?)(0[0-9]|1[0-5])(0[0-9]|1[0-5])")
# Integrated GPUs whose machine may lack the compute driver that would tell.
_BY_DEVICE_ID = {
    "15bf": "gfx1103",
    "1900": "gfx1103",
    "150e": "gfx1150",
    "1586": "gfx1151",
    "1114": "gfx1152",
}


def read_gfx(tree: Tree, address: str, device_id: str) -> str | None:
    """What the compute driver says of the GPU at ``address``, else what its id says, else None."""
    place = _place(address)
    for node in tree.names(_NODES) or []:
        facts = _facts(tree.text(f"{_NODES}/{node}/properties") or "")
        if (facts.get("domain", 0), facts.get("location_id")) == place:
            name = _name(facts.get("gfx_target_version", 0))
            if name is not None:
                return name
    return _BY_DEVICE_ID.get(device_id)


def _place(address: str) -> tuple[int, int] | None:
    """Domain, and bus, device and function in one number, as the driver writes them."""
    parts = _ADDRESS.fullmatch(address)
    if parts is None:
        return None
    domain, bus, device, function = (int(part, 16) for part in parts.groups())
    return domain, bus << 8 | device << 3 | function


def _facts(properties: str) -> dict[str, int]:
    facts: dict[str, int] = {}
    for line in properties.splitlines():
        key, _, value = line.partition(" ")
        try:
            facts[key] = parse_kernel_number(value)
        except ValueError:
            continue
    return facts


def _name(version: int) -> str | None:
    parts = _VERSION.fullmatch(str(version))
    return f"gfx{parts[1]}{int(parts[2]):x}{int(parts[3]):x}" if parts else None
