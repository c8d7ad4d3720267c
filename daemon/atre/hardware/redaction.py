# SPDX-License-Identifier: Apache-2.0
"""What leaves the machine in a bundle: nothing that names it, its owner or one of its parts.

Three nets: of files with many facts, only the lines that detection needs; lines whose key says that
they identify something are dropped; and whatever looks like, or is known to be, such a value is
overwritten wherever it stands.
"""

import os
import re
import socket
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from atre.hardware.tree import Tree

_REDACTED = "redacted"
_NOT_TEXT = b"\xff"  # not UTF-8 either, so that detection says the same of it
_LINES_KEPT = {
    "proc/cpuinfo": re.compile(
        r"(processor|flags|Features|vendor_id|model name|CPU (implementer|part|architecture))\s*:"
    ),
    "proc/self/status": re.compile(r"Cpus_allowed_list:"),
    "etc/os-release": re.compile(r"PRETTY_NAME="),
    "usr/lib/os-release": re.compile(r"PRETTY_NAME="),
}
_IDENTIFYING_KEY = re.compile(
    r"(serial|uuid|asset|machine-id|mac.?addr|host.?name)[^:=]*[:=]", re.IGNORECASE
)
_PATTERNS = (
    re.compile(r"\b(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}\b", re.IGNORECASE),  # MAC address
    re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE),  # UUID
)
# Files that hold one identifying value each; they are read only to overwrite it elsewhere.
_VALUE_FILES = (
    "etc/hostname", "etc/machine-id", "proc/sys/kernel/hostname", "proc/sys/kernel/domainname",
    "sys/firmware/devicetree/base/serial-number",
    *(
        f"sys/class/dmi/id/{name}"
        for name in (
            "board_asset_tag", "board_serial", "chassis_asset_tag", "chassis_serial",
            "product_serial", "product_uuid",
        )
    ),
)  # fmt: skip
_FIRST_PERSON_UID = 1000  # login.defs(5)
_NOBODY_UID = 65534
_MIN_VALUE_LENGTH = 3  # shorter ones would overwrite units and numbers
# What firmware and systems write for "none", and hosts that are everybody's.
_COMMON_VALUES = frozenset(
    {"default string", "not specified", "none", "(none)", "n/a", "unknown", "localhost", "cpu"}
)


class Redaction:
    """Takes what identifies out of recorded paths and contents, the same way in all of them."""

    def __init__(self, values: Iterable[str], cgroups: str) -> None:
        """``values`` are overwritten as whole words; ``cgroups`` is /proc/self/cgroup."""
        words = sorted(set(values), key=len, reverse=True)
        known = "|".join(map(re.escape, words))
        self._values = re.compile(rf"(?<!\w)(?:{known})(?!\w)") if words else None
        self._groups = _group_names(cgroups)

    def path(self, path: str) -> str:
        """The path with control groups renamed: they carry names of people and containers."""
        parts = PurePosixPath(path).parts
        if parts[:3] != ("sys", "fs", "cgroup"):
            return path
        return str(PurePosixPath(*(self._groups.get(part, part) for part in parts)))

    def content(self, path: str, content: bytes) -> bytes:
        """The content as it may be shown to strangers."""
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            return _NOT_TEXT
        if path == "proc/self/cgroup":
            return self._cgroup(text).encode()
        return self.text("".join(self._kept(path, text))).encode()

    def text(self, text: str) -> str:
        """The text with every identifying value overwritten."""
        for pattern in _PATTERNS:
            text = pattern.sub(_REDACTED, text)
        return self._values.sub(_REDACTED, text) if self._values else text

    def _kept(self, path: str, text: str) -> Iterable[str]:
        wanted = _LINES_KEPT.get(path)
        lines = text.splitlines(keepends=True)
        if wanted is None or not any(":" in line or "=" in line for line in lines):
            return (line for line in lines if not _IDENTIFYING_KEY.search(line))
        return (line for line in lines if wanted.match(line))

    def _cgroup(self, text: str) -> str:
        lines = []
        for line in text.splitlines():
            head, _, path = line.rpartition(":")
            parts = [self._groups.get(part, part) for part in path.split("/")]
            lines.append(f"{head}:{'/'.join(parts)}\n")
        return "".join(lines)


def identifying_values(root: Path) -> set[str]:
    """Names, numbers and addresses that identify this machine and its people."""
    tree = Tree(root)
    values = {value for path in _VALUE_FILES if (value := tree.text(path))}
    for interface in tree.names("sys/class/net") or []:
        values.add(tree.text(f"sys/class/net/{interface}/address") or "")
    for line in (tree.text("etc/passwd") or "").splitlines():
        fields = line.split(":")
        if len(fields) > 2 and fields[2].isdecimal():  # noqa: PLR2004 - passwd(5): name, password, uid
            is_person = _FIRST_PERSON_UID <= int(fields[2]) < _NOBODY_UID
            values |= {fields[0]} if is_person else set()
    if root == Path("/"):
        values.add(socket.gethostname())
        values |= {os.environ.get(name, "") for name in ("USER", "LOGNAME", "SUDO_USER")} - {"root"}
    # A host is known by its first name too.
    values |= {value.partition(".")[0] for value in values}
    return {
        value
        for value in values
        if len(value) >= _MIN_VALUE_LENGTH and value.lower() not in _COMMON_VALUES
    }


def _group_names(cgroups: str) -> dict[str, str]:
    """A number for each name in the paths of the groups; names of controllers stay."""
    names: dict[str, str] = {}
    for line in cgroups.splitlines():
        _, _, rest = line.partition(":")
        _, _, path = rest.partition(":")
        for part in path.split("/"):
            if part and part not in names:
                names[part] = f"group-{len(names) + 1}"
    return names
