# SPDX-License-Identifier: Apache-2.0
"""What counts and what is on trial, in ``state/network.json``.

A trial is written before it is used. Only what was confirmed counts at a start, so that whatever
ends the box during a trial takes it back.
"""

from pathlib import Path

import msgspec

from atre.errors import InvalidRequestError
from atre.ipc.appliance_messages import NetworkSettings
from atre.network.settings import check
from atre.sentence import Sentence
from atre.system.durable import write_durably

_FILE = "network.json"


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """Settings that nobody confirmed yet."""

    id: str
    settings: NetworkSettings


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """``confirmed`` counts after a start; ``last_revert`` says why a trial was taken back."""

    confirmed: NetworkSettings = NetworkSettings()
    trial: Trial | None = None
    last_revert: Sentence | None = None


def read(state_dir: Path) -> Record:
    """What is kept; what cannot be read, or makes no sense, is DHCP."""
    try:
        found = msgspec.json.decode((state_dir / _FILE).read_bytes(), type=Record)
        check(found.confirmed)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, InvalidRequestError):
        return Record()
    return found


def write(state_dir: Path, record: Record) -> None:
    """Raises OSError."""
    write_durably(state_dir / _FILE, msgspec.json.encode(record))
