# SPDX-License-Identifier: Apache-2.0
"""The last lines that the box's processes logged; see ``atre.box.child_log``."""

import unicodedata
from pathlib import Path

_READ_BYTES = 256 * 1024
# Control, format (where the bidirectional marks are), surrogate, private, unassigned.
_UNSHOWABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def processes(directory: Path) -> list[str]:
    """The processes that have a log, by name."""
    return sorted(path.stem for path in directory.glob("*.log"))


def last_lines(directory: Path, process: str, limit: int) -> list[str]:
    """The last lines of one of ``processes``, oldest first; none of anything else."""
    if process not in processes(directory):
        return []
    text = b""
    for path in (directory / f"{process}.log.1", directory / f"{process}.log"):
        try:
            text += _end_of(path)
        except OSError:
            continue  # there is no older part, or it was rotated away just now
    lines = text.decode("utf-8", "replace").split("\n")
    return [visible(line) for line in lines if line][-limit:]


def visible(line: str) -> str:
    """A line without characters that are not seen, or that turn others round."""
    return "".join(
        char if unicodedata.category(char) not in _UNSHOWABLE or char == "\t" else "·"
        for char in line
    )


def _end_of(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _READ_BYTES))
        return file.read(_READ_BYTES)
