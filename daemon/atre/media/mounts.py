# SPDX-License-Identifier: Apache-2.0
"""What is mounted where (proc(5), mountinfo). Pure, but for ``mounts_now``."""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_MOUNTINFO = Path("/proc/self/mountinfo")
_ESCAPED = re.compile(r"\\([0-7]{3})")
_PLACE, _OPTIONS, _FEWEST = 4, 5, 6


@dataclass(frozen=True, slots=True)
class Mount:
    """A mounted filesystem; ``device`` is MAJOR:MINOR, ``source`` what was mounted."""

    place: str
    device: str
    kind: str
    source: str
    is_read_only: bool


def parsed(mountinfo: str) -> list[Mount]:
    """The mounts of such a text, in its order: a later one hides an earlier one."""
    found = []
    for line in mountinfo.splitlines():
        before, separator, after = line.partition(" - ")
        fields, rest = before.split(), after.split()
        if not separator or len(fields) < _FEWEST or len(rest) < 3:  # noqa: PLR2004 -- kind, source, options
            continue
        options = {*fields[_OPTIONS].split(","), *rest[2].split(",")}
        found.append(
            Mount(_plain(fields[_PLACE]), fields[2], rest[0], _plain(rest[1]), "ro" in options)
        )
    return found


def mounts_now() -> list[Mount]:
    """The mounts that this process sees; none where the system does not say."""
    if sys.platform != "linux":
        return []
    try:
        return parsed(_MOUNTINFO.read_text("utf-8", "surrogateescape"))
    except OSError:
        return []


def mount_of(path: Path, mounts: Sequence[Mount]) -> Mount | None:
    """The mount that holds a path, which must have no links in it."""
    best: Mount | None = None
    for mount in mounts:
        is_longer = best is None or len(mount.place) >= len(best.place)
        if path.is_relative_to(mount.place) and is_longer:
            best = mount
    return best


def _plain(text: str) -> str:
    return _ESCAPED.sub(lambda match: chr(int(match[1], 8)), text)
