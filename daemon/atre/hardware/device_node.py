# SPDX-License-Identifier: Apache-2.0
"""The device file through which programs reach a GPU or NPU.

Sources: kernel Documentation/gpu/drm-uapi.rst (render nodes), Documentation/accel/introduction.rst.
"""

from atre.hardware.machine import Access
from atre.hardware.tree import Tree

# Folder of a device in sysfs, how its entries begin, and the folder of the files in /dev.
_KINDS = (("drm", "renderD", "dev/dri"), ("accel", "accel", "dev/accel"))


def device_node(tree: Tree, directory: str) -> str | None:
    """Name of the file, as ``renderD128`` or ``accel0``; None without one."""
    for folder, prefix, _ in _KINDS:
        for name in tree.names(f"{directory}/{folder}") or []:
            if name.startswith(prefix):
                return name
    return None


def node_access(tree: Tree, node: str | None) -> Access | None:
    """Whether this process may open the file; None without a file or without knowing."""
    for _, prefix, place in _KINDS:
        if node is not None and node.startswith(prefix):
            return tree.access(f"{place}/{node}")
    return None
