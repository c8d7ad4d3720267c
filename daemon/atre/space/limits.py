# SPDX-License-Identifier: Apache-2.0
"""How much the parts that grow by people's doing may take, as a manager set it.

Logs are bounded where they are written (``atre.box.child_log``), the reserve by its own size.
"""

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

_FILE = "space-limits.json"

LimitBytes = Annotated[int, Meta(gt=0)]


class SpaceLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes of all models, and of all files attached to questions; None is no limit."""

    models: LimitBytes | None = None
    attachments: LimitBytes | None = None


def limits_path(state_dir: Path) -> Path:
    """Where they are kept over restarts."""
    return state_dir / _FILE


def read_limits(state_dir: Path) -> SpaceLimits:
    """What was set; none where nothing was, or it cannot be read."""
    try:
        return msgspec.json.decode(limits_path(state_dir).read_bytes(), type=SpaceLimits)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return SpaceLimits()


def passes(limit: int | None, used_bytes: int, more_bytes: int) -> bool:
    """Whether so much more would be too much."""
    return limit is not None and more_bytes > 0 and used_bytes + more_bytes > limit
