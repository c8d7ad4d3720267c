# SPDX-License-Identifier: Apache-2.0
"""A machine recorded as a folder: the files that detection reads, and answers of programs.

tests/machines/README.md describes the folder; ``atre doctor --bundle`` writes one.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from atre.hardware.devices import DeviceReport
from atre.hardware.machine import Issue, IssueCode
from atre.hardware.nvml import NvmlReport
from atre.hardware.tree import Tree

DEVICES, NVML, FAILURES = "devices.json", "nvml.json", "failures.json"
SYSCTL, VM_STAT = "sysctl.txt", "vm_stat.txt"

_Errno = Annotated[int, Meta(ge=1, le=4095)]  # MAX_ERRNO of the kernel's err.h
_Report = TypeVar("_Report", DeviceReport, NvmlReport)
Run = Callable[[tuple[str, ...], float], bytes | Issue]


class Recording:
    """What a recorded folder answers in place of the machine and its programs."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def tree(self) -> Tree:
        """The recorded files, with the errors that the machine gave in place of some."""
        return Tree(self._root, self.failures())

    def failures(self) -> dict[str, int]:
        """Errors by path, as errno; a list that cannot be read is as good as none."""
        try:
            content = (self._root / FAILURES).read_bytes()
            return msgspec.json.decode(content, type=dict[str, _Errno])
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return {}

    def devices(self) -> DeviceReport | None:
        """What llama.cpp answered, None if nobody asked it."""
        return self._report(DEVICES, DeviceReport)

    def nvml(self) -> NvmlReport | None:
        """What NVIDIA's library answered, None if nobody asked it."""
        return self._report(NVML, NvmlReport)

    def macos_commands(self) -> Run | None:
        """In place of running ``sysctl`` and ``vm_stat``; None if this is no Mac."""
        if not (self._root / SYSCTL).exists():
            return None

        def run(command: tuple[str, ...], _time_limit_s: float) -> bytes | Issue:
            name = f"{Path(command[0]).name}.txt"
            try:
                return (self._root / name).read_bytes()
            except OSError as error:
                return Issue(IssueCode.UNREADABLE, name, error.strerror or str(error))

        return run

    def _report(self, name: str, shape: type[_Report]) -> _Report | None:
        try:
            return msgspec.json.decode((self._root / name).read_bytes(), type=shape)
        except OSError:
            return None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return shape(issues=(Issue(IssueCode.MALFORMED, name, str(error)),))
