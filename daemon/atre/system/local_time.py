# SPDX-License-Identifier: Apache-2.0
import contextlib
import datetime as dt
import os
from pathlib import Path
from zoneinfo import ZoneInfo

_SYSTEM_ZONE = Path("/etc/localtime")  # localtime(5)


def local_now(zone: str = "") -> dt.datetime:
    """The time in ``zone``, or the machine's, with the rules of that zone, not only today's offset.

    The machine's is read each time: a box is often plugged in before it is told where it stands.
    """
    return dt.datetime.now(_zone(zone))


def _zone(wanted: str) -> dt.tzinfo:
    name = wanted or os.environ.get("TZ", "").removeprefix(":")
    with contextlib.suppress(OSError, ValueError, KeyError):
        if name:
            return ZoneInfo(name)
        with _SYSTEM_ZONE.open("rb") as file:
            return ZoneInfo.from_file(file)
    return dt.UTC
