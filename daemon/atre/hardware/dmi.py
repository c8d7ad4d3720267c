# SPDX-License-Identifier: Apache-2.0
from atre.hardware.machine import Product
from atre.hardware.tree import Tree

_DMI = "sys/class/dmi/id"
_DEVICE_TREE = "sys/firmware/devicetree/base"
# What makers leave in the firmware when they did not fill in the field.
FILLERS = frozenset(
    {
        "default string",
        "not applicable",
        "not specified",
        "system manufacturer",
        "system product name",
        "to be filled by o.e.m.",
        "to be filled by oem",
    }
)


def read_product(tree: Tree) -> Product:
    """The maker's names from DMI, else from the device tree. Serial numbers are never read."""
    compatible = tree.text(f"{_DEVICE_TREE}/compatible")
    return Product(
        vendor=_name(tree, "sys_vendor"),
        name=_name(tree, "product_name") or tree.text(f"{_DEVICE_TREE}/model"),
        family=_name(tree, "product_family"),
        board_vendor=_name(tree, "board_vendor"),
        board_name=_name(tree, "board_name"),
        compatible=tuple(compatible.split("\0")) if compatible else None,
    )


def _name(tree: Tree, field: str) -> str | None:
    text = tree.text(f"{_DMI}/{field}")
    return None if text is None or text.lower() in FILLERS else text
