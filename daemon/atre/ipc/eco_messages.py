# SPDX-License-Identifier: Apache-2.0
"""Eco mode, asked of ``atred`` on ``atred.sock``: ``SetEco`` → ``PowerDescription``."""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from atre.ipc.cap_messages import CapReport
from atre.ipc.message import Message


class EcoMode(StrEnum):
    """When the box saves power at the cost of speed."""

    OFF = "off"
    ON = "on"
    CALENDAR = "calendar"


class EcoSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``calendar`` is as ``atre.choices.sleep_rules`` reads it, in the hours of ``time_zone``.

    An empty zone is the machine's own.
    """

    mode: EcoMode = EcoMode.OFF
    calendar: Annotated[str, Meta(max_length=300)] = ""
    time_zone: Annotated[str, Meta(max_length=100)] = ""


class SetEco(Message, frozen=True):
    """Save by these settings from now on."""

    settings: EcoSettings


class ThreadBasis(StrEnum):
    """Why the engine decodes with as many threads as it does."""

    ALL = "all"
    """Eco mode is off, or this machine has one thread only."""
    HALF = "half"
    """Nothing measures energy here: half of them."""
    TRIAL = "trial"
    """It is being measured what this many take."""
    MEASURED = "measured"
    """So many took the fewest joules for each token."""


class ThreadFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured while answers were written with so many threads, above the idle baseline.

    Tokens are weighted: one that is read counts as much less as it takes less.
    """

    threads: int
    power_w: float
    tokens_s: float
    j_token: float


class EcoReport(msgspec.Struct, frozen=True, kw_only=True):
    """Eco mode at one moment.

    While it is on an idle model leaves memory after ``unload_after_s`` at the latest;
    ``sleep_after_s`` is what the rules of sleep say, which count where they are shorter.
    ``threads`` decode now, of ``max_threads``; both are None while no model is loaded.
    """

    settings: EcoSettings
    is_on: bool
    unload_after_s: float
    sleep_after_s: float | None
    threads: int | None
    max_threads: int | None
    basis: ThreadBasis
    figures: list[ThreadFigures]
    caps: CapReport
