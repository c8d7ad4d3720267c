# SPDX-License-Identifier: Apache-2.0
"""Where a bundle that somebody gave to the panel lies until it is installed or replaced."""

from pathlib import Path

_NAME = "upload.raucb"


def upload_path(data_dir: Path) -> Path:
    """The one place for it: a later bundle replaces an earlier one."""
    return data_dir / "updates" / _NAME
