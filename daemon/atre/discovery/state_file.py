# SPDX-License-Identifier: Apache-2.0
import os
import tempfile
from pathlib import Path


def read(path: Path) -> str | None:
    """The one-line text kept in ``path``, or None if there is none that can be read."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None


def write(path: Path, text: str) -> None:
    """Replace ``path`` so that a power cut leaves the old text or the new, never a part.

    Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as file:
        temporary = Path(file.name)
        file.write(f"{text}\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
