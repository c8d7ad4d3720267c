# SPDX-License-Identifier: Apache-2.0
"""Whether the box saves power at the cost of speed, as a manager chose it; kept in ``eco.json``."""

import datetime as dt
import zoneinfo
from pathlib import Path

import msgspec

from atre.choices.sleep_rules import read_periods
from atre.errors import ConfigError
from atre.ipc.eco_messages import EcoMode, EcoSettings
from atre.system.durable import write_durably
from atre.system.local_time import local_now

_FILE = "eco.json"


def read(state_dir: Path) -> EcoSettings:
    """What was chosen; a choice that cannot be read, or understood, is none."""
    try:
        found = msgspec.json.decode((state_dir / _FILE).read_bytes(), type=EcoSettings)
        check(found)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, ConfigError):
        return EcoSettings()
    return found


def write(state_dir: Path, settings: EcoSettings) -> None:
    """Keep a choice. Raises ConfigError for times that make no sense, OSError."""
    check(settings)
    write_durably(state_dir / _FILE, msgspec.json.encode(settings))


def check(settings: EcoSettings) -> None:
    """Raises ConfigError for times that make no sense."""
    periods = read_periods(settings.calendar)
    if settings.mode is EcoMode.CALENDAR and not periods:
        raise ConfigError(
            "Eco mode by calendar needs a calendar, such as 'mon-fri 19:00-07:00'.",
            "Le mode éco selon un calendrier demande un calendrier, comme 'lun-ven 19:00-07:00'.",
        )
    if settings.time_zone and settings.time_zone not in zoneinfo.available_timezones():
        raise ConfigError(
            f"This machine does not know the time zone {settings.time_zone!r}.",
            f"Cette machine ne connaît pas le fuseau horaire {settings.time_zone!r}.",
        )


def is_on(settings: EcoSettings, now: dt.datetime | None = None) -> bool:
    """Whether the box saves at ``now``, a moment in any zone."""
    if settings.mode is not EcoMode.CALENDAR:
        return settings.mode is EcoMode.ON
    here = local_now(settings.time_zone)
    moment = here if now is None else now.astimezone(here.tzinfo)
    return any(period.covers(moment) for period in read_periods(settings.calendar))
