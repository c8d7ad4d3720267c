# SPDX-License-Identifier: Apache-2.0
"""GPUs and NPUs inside the chip of an ARM board, by what the device tree calls them.

Sources: kernel Documentation/devicetree/bindings/{gpu,npu}, NVIDIA's nvgpu and nvhost drivers and
Rockchip's rknpu driver (their tables of compatible names).
"""

import re
from typing import Literal

from atre.hardware.device_node import device_node, node_access
from atre.hardware.machine import SocDevice
from atre.hardware.tree import Tree

_DEVICES = "sys/bus/platform/devices"
_PATTERNS: tuple[tuple[Literal["gpu", "npu"], re.Pattern[str]], ...] = (
    (
        "gpu",
        re.compile(
            r"brcm,27(11|12)-v3d|nvidia,(gm20b|gp10b|gv11b|ga10b)|arm,mali-.+|rockchip,rk\d+-mali"
            r"|qcom,adreno(-.+)?|apple,agx-.+|img,img-.+"
        ),
    ),
    ("npu", re.compile(r"rockchip,(rk\d+-)?rk(npu|nn-core(-top)?)|nvidia,tegra\d+-nvdla")),
)


def read_soc(tree: Tree) -> tuple[SocDevice, ...]:
    """GPUs and NPUs on the platform bus, in the order of their names."""
    found = (_device(tree, name) for name in tree.names(_DEVICES) or [])
    return tuple(device for device in found if device is not None)


def _device(tree: Tree, name: str) -> SocDevice | None:
    directory = f"{_DEVICES}/{name}"
    lines = (tree.text(f"{directory}/uevent") or "").splitlines()
    facts = dict(line.split("=", 1) for line in lines if "=" in line)
    compatible = tuple(
        value for key, value in facts.items() if re.fullmatch(r"OF_COMPATIBLE_\d+", key)
    )
    for kind, pattern in _PATTERNS:
        if any(pattern.fullmatch(word) for word in compatible):
            node = device_node(tree, directory)
            return SocDevice(
                kind=kind,
                address=name,
                compatible=compatible,
                driver=facts.get("DRIVER") or None,
                node=node,
                access=node_access(tree, node),
            )
    return None
