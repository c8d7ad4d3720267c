# SPDX-License-Identifier: Apache-2.0
"""The claim code of this start, for the box's own screen; in the runtime directory, 0600.

Whoever stands before the screen may have it. The code on a label is not kept anywhere.
"""

from pathlib import Path

from atre.system.durable import write_durably

_NAME = "claim-code"


def leave(runtime_dir: Path, code: str | None) -> None:
    """Leave the code, or remove what an earlier start left. Raises OSError."""
    if code is None:
        (runtime_dir / _NAME).unlink(missing_ok=True)
    else:
        write_durably(runtime_dir / _NAME, code.encode())


def read(runtime_dir: Path) -> str | None:
    """None where the label has the code, and on a box that is somebody's."""
    try:
        return (runtime_dir / _NAME).read_text(encoding="ascii").strip() or None
    except (OSError, UnicodeDecodeError):
        return None
