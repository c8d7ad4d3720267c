# SPDX-License-Identifier: Apache-2.0
import msgspec

from atre.config import Config
from atre.models.catalogue import load_catalogue
from atre.plan.planning import Planned
from atre.plan.recommend import recommend
from atre.plan.speed.record import SpeedRecord
from atre.system.durable import write_durably


def note_advice(config: Config, planned: Planned, record: SpeedRecord) -> None:
    """Keep what the catalogue has for this machine where the management daemon finds it.

    By what was measured here so far, as `atre model list --catalogue` goes by it. Raises OSError.
    """
    machine = planned.machine
    known = record.known(machine)
    advice = recommend(machine, planned.choice.profile, load_catalogue(), known=known)
    write_durably(config.advice_file, msgspec.json.format(msgspec.json.encode(advice)))
