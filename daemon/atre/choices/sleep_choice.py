# SPDX-License-Identifier: Apache-2.0
"""What counts for the model's sleep: what a manager chose in the panel, else the start's options.

The choice is kept over restarts, in ``sleep.json`` of the state directory.
"""

import zoneinfo
from pathlib import Path

import msgspec

from atre.choices.sleep_rules import SleepRules, read_periods
from atre.config import Config
from atre.errors import ConfigError
from atre.ipc.presence import SleepInForce, SleepTimes
from atre.system.durable import write_durably

_FILE = "sleep.json"


def in_force(config: Config) -> SleepInForce:
    """What counts now. A choice that cannot be read, or understood, is none."""
    start = SleepTimes(unload_after_s=config.unload_after_s, calendar=config.sleep)
    try:
        chosen = msgspec.json.decode((config.state_dir / _FILE).read_bytes(), type=SleepTimes)
        rules_of(chosen)
    except (OSError, msgspec.DecodeError, ConfigError):
        return SleepInForce(times=start, start=start, is_chosen=False)
    return SleepInForce(times=chosen, start=start, is_chosen=True)


def write(state_dir: Path, times: SleepTimes | None) -> None:
    """Keep a choice; None lets the start's options count again.

    Raises ConfigError for times that make no sense, OSError if they cannot be kept.
    """
    if times is None:
        (state_dir / _FILE).unlink(missing_ok=True)
        return
    rules_of(times)
    write_durably(state_dir / _FILE, msgspec.json.encode(times))


def rules_of(times: SleepTimes) -> SleepRules:
    """The same, to decide by. Raises ConfigError for times that make no sense."""
    idle_s = times.unload_after_s
    if idle_s is not None and not 0 < idle_s < float("inf"):
        raise ConfigError(
            f"The model cannot leave memory after {idle_s} seconds.",
            f"Le modèle ne peut pas quitter la mémoire après {idle_s} secondes.",
        )
    if times.time_zone and times.time_zone not in zoneinfo.available_timezones():
        raise ConfigError(
            f"This machine does not know the time zone {times.time_zone[:100]!r}.",
            f"Cette machine ne connaît pas le fuseau horaire {times.time_zone[:100]!r}.",
        )
    return SleepRules(unload_after_s=idle_s, periods=read_periods(times.calendar))
