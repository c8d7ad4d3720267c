# SPDX-License-Identifier: Apache-2.0
"""Names of UDisks2's interfaces, and the shape of its objects; on systems without D-Bus too."""

from collections.abc import Mapping
from typing import Any

UDISKS = "org.freedesktop.UDisks2"
BLOCK = f"{UDISKS}.Block"
FILESYSTEM = f"{UDISKS}.Filesystem"
DRIVE = f"{UDISKS}.Drive"
ENCRYPTED = f"{UDISKS}.Encrypted"
PARTITION = f"{UDISKS}.Partition"
PARTITION_TABLE = f"{UDISKS}.PartitionTable"

# Objects by path, interfaces by name, properties by name, all as plain values.
Tree = Mapping[str, Mapping[str, Mapping[str, Any]]]
