# SPDX-License-Identifier: Apache-2.0
"""What the manager told of the office's electricity, and the plug's password beside it."""

from pathlib import Path

import msgspec

from atre.ipc.power_messages import PowerSettings
from atre.system.durable import write_durably

_FILE = "power.json"
_SECRET = "plug-password"  # noqa: S105 -- the name of a file


class SettingsFile:
    """``state/power.json`` and ``secrets/plug-password``; a damaged file counts as none."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / "state" / _FILE
        self._password_path = data_dir / "secrets" / _SECRET

    def read(self) -> PowerSettings:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=PowerSettings)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return PowerSettings()

    def write(self, settings: PowerSettings) -> None:
        """Keep them over power cuts. Raises OSError."""
        write_durably(self._path, msgspec.json.format(msgspec.json.encode(settings)))

    def password(self) -> str:
        """The plug's password, empty for none."""
        try:
            return self._password_path.read_text()
        except (OSError, UnicodeDecodeError):
            return ""

    def write_password(self, password: str) -> None:
        """Keep it for the box's own user alone, or forget an empty one. Raises OSError."""
        if password:
            self._password_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_durably(self._password_path, password.encode())
        else:
            self._password_path.unlink(missing_ok=True)
