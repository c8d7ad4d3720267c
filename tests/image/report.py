# SPDX-License-Identifier: Apache-2.0
"""What the checks of the image measured, as a file."""

import json
from pathlib import Path


class Report:
    """Notes by name, in the order in which they were made."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._notes: dict[str, dict[str, object]] = {}

    def note(self, name: str, /, **facts: object) -> None:
        """Keep these, also if a later check fails."""
        self._notes[name] = facts
        self.write()

    def write(self) -> None:
        self._path.parent.mkdir(exist_ok=True)
        self._path.write_text(json.dumps(self._notes, indent=1, ensure_ascii=False) + "\n")
