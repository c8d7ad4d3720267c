# SPDX-License-Identifier: Apache-2.0
from atre.hardware.tree import Tree


def read_os_version(tree: Tree) -> str | None:
    """The distribution's name for people, from os-release(5)."""
    text = tree.text("etc/os-release") or tree.text("usr/lib/os-release") or ""
    for line in text.splitlines():
        key, _, value = line.partition("=")
        if key == "PRETTY_NAME":
            return value.strip("\"'") or None
    return None


def read_kernel(tree: Tree) -> str | None:
    """The running kernel's release."""
    return tree.text("proc/sys/kernel/osrelease")
