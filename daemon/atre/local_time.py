# SPDX-License-Identifier: Apache-2.0
import contextlib
import datetime as dt
import os
from pathlib import Path
from zoneinfo import ZoneInfo

_SYSTEM_ZONE = Path("/etc/localtime")  # localtime(5)


def local_now() -> dt.datetime:
    """The time on the office's clock, with the rules of its zone, not only today's offset.

    The zone is read each time: a box is often plugged in before it is told where it stands.
    """
    return dt.datetime.now(_zone())


def _zone() -> dt.tzinfo:
    name = os.environ.get("TZ", "").removeprefix(":")
    with contextlib.suppress(OSError, ValueError, KeyError):
        if name:
            return ZoneInfo(name)
        with _SYSTEM_ZONE.open("rb") as file:
            return ZoneInfo.from_file(file)
    return dt.UTC
