# SPDX-License-Identifier: Apache-2.0
"""What crosses ``atred.sock`` about power: fixed verbs, one reply each.

``DescribePower``, ``SetPower``, ``SetEco`` and ``ForgetCalibration`` → ``PowerDescription``;
``ReadPowerHistory`` → ``PowerHistory``; or ``Failed``. A figure that nobody knows is None, never 0.
"""

from enum import StrEnum
from typing import Annotated, Literal

from msgspec import Meta

from atre.ipc.eco_messages import EcoReport, SetEco
from atre.ipc.message import Message
from atre.ipc.power_basis import Basis, Scope
from atre.sentence import Sentence

MAX_BUCKETS = 3000  # of one reply: two days of minutes fit

Name = Annotated[str, Meta(max_length=100)]
Line = Annotated[str, Meta(max_length=300)]
Cents = Annotated[float, Meta(ge=-1000.0, le=1000.0)]  # a price below zero is one
Kwh = Annotated[float, Meta(ge=0.0, le=100_000.0)]
Watts = Annotated[float, Meta(gt=0.0, le=1_000_000.0)]
UnixTime = Annotated[float, Meta(ge=-1e11, le=1e11)]
Currency = Literal["EUR", "USD", "CAD"]

CUSTOM_TARIFF = "custom"


class DescribePower(Message, frozen=True):
    """Ask what the machine takes now, what it took, what that cost, and how that is known."""


class Resolution(StrEnum):
    """How long a bucket of the history is; days and months are the box's own zone's."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


class ReadPowerHistory(Message, frozen=True):
    """Ask for the buckets that begin from ``from_s`` on, before ``to_s`` (Unix seconds)."""

    resolution: Resolution
    from_s: UnixTime
    to_s: UnixTime


class CustomPeriod(Message, frozen=True):
    """A time with a price of its own.

    ``calendar`` is as ``mon-fri 06:00-22:00``; ``months`` None is all of the year. The first
    period that covers a moment gives its price.
    """

    calendar: Line
    cents_kwh: Cents
    months: Annotated[list[Annotated[int, Meta(ge=1, le=12)]], Meta(max_length=12)] | None = None


class CustomTariff(Message, frozen=True):
    """The manager's own prices; ``cents_kwh`` holds outside of the periods."""

    currency: Currency
    cents_kwh: Cents
    periods: Annotated[list[CustomPeriod], Meta(max_length=24)] = []


class PlugSettings(Message, frozen=True):
    """A plug on the LAN that measures the box; ``address`` is a host name or IP, perhaps a port.

    ``user`` is empty or ``admin``: these plugs know no other.
    """

    kind: Literal["shelly", "tasmota"]
    address: Annotated[str, Meta(min_length=1, max_length=253)]
    user: Name = ""


class UpsSettings(Message, frozen=True):
    """A UPS that ``upsd`` knows; ``nominal_w`` is what its plate says, where it does not tell."""

    name: Annotated[str, Meta(min_length=1, max_length=100)]
    address: Annotated[str, Meta(min_length=1, max_length=253)] = "127.0.0.1:3493"
    nominal_w: Watts | None = None


class PowerSettings(Message, frozen=True):
    """What the manager told of the office's electricity.

    ``tariff`` is the id of a ``TariffOffer``, ``custom``, or empty for none. ``off_peak`` is the
    calendar of the cheap hours where the tariff has them, empty for the tariff's own.
    ``peak_days`` are the dates (2027-01-14) that the supplier announced, for tariffs that have
    such. ``other_kwh_day`` is what the rest of the contract takes on a day, for prices in
    tiers; None puts the box on top of all tiers. ``co2_g_kwh`` needs its ``co2_source``.
    """

    tariff: Name = ""
    custom: CustomTariff | None = None
    off_peak: Line = ""
    peak_days: Annotated[list[Annotated[str, Meta(max_length=10)]], Meta(max_length=400)] = []
    other_kwh_day: Kwh | None = None
    co2_g_kwh: Annotated[float, Meta(ge=0.0, le=3000.0)] | None = None
    co2_source: Line = ""
    plug: PlugSettings | None = None
    ups: UpsSettings | None = None


class SetPower(Message, frozen=True):
    """Keep these settings instead of those before.

    ``plug_password`` None keeps the one that is known, an empty one forgets it. The box never
    tells it again.
    """

    settings: PowerSettings
    plug_password: Annotated[str, Meta(max_length=200)] | None = None


class ForgetCalibration(Message, frozen=True):
    """Throw away what was learned from a plug: the machine or its power supply has changed."""


class Supply(StrEnum):
    """Where the box's power comes from, as its UPS tells."""

    MAINS = "mains"
    BATTERY = "battery"
    ENDING = "ending"
    """On battery, and it will not last: stop now."""
    UNKNOWN = "unknown"
    """No UPS is set up, or it never said anything."""


class UpsReport(Message, frozen=True):
    """The UPS as it was last heard; ``problem`` is why nothing newer is, None while it speaks.

    ``charge`` and ``load`` are parts of 1; what it does not say, or cannot mean, is None.
    """

    name: str
    model: str
    supply: Supply
    charge: float | None
    runtime_s: float | None
    load: float | None
    needs_battery: bool
    problem: Sentence | None


class PowerSource(Message, frozen=True):
    """One source as it was last read; ``reason`` says why ``power_w`` is not known."""

    source: str
    scope: Scope
    basis: Basis
    power_w: float | None
    reason: Sentence | None = None


class PowerBucket(Message, frozen=True):
    """What the machine took from ``start_s`` to ``end_s`` (Unix seconds).

    The box ran for ``expected_s`` of it and knew its power for ``covered_s``; the rest of the
    bucket it was off, or not there yet. ``energy_j`` is of the covered time; ``idle_j`` of it
    would have been taken without any answer. ``basis`` is the worst that counts for 1 % of the
    covered time or more. ``cost`` is in the unit of ``PowerDescription.currency``.
    """

    start_s: float
    end_s: float
    energy_j: float | None
    idle_j: float | None
    covered_s: float
    expected_s: float
    basis: Basis
    cost: float | None = None
    co2_g: float | None = None


class PowerHistory(Message, frozen=True):
    """Buckets in the order of time; those in which the box did not run are left out.

    ``is_cut`` says that there were more than ``MAX_BUCKETS``: the newest are told.
    """

    resolution: Resolution
    buckets: list[PowerBucket]
    currency: Currency | None
    is_cut: bool = False


class Calibration(Message, frozen=True):
    """What was learned while a plug measured the box: wall ≈ ``offset_w`` + ``slope`` · sensor.

    ``rmse_w`` is the error over ``num_minutes`` minutes, ``error_fraction`` the same as a part of
    the mean power. ``is_used``: the plug is gone and the figures come from this.
    """

    offset_w: float
    slope: float
    rmse_w: float
    error_fraction: float
    num_minutes: int
    low_w: float
    high_w: float
    made_at: float
    is_used: bool


class TariffOffer(Message, frozen=True):
    """An example that the manager can choose; ``is_verified``: a person read it in the source."""

    id: str
    title: Sentence
    currency: Currency
    note: Sentence
    source: str
    date: str
    is_verified: bool
    has_off_peak: bool
    has_tiers: bool
    has_peak_days: bool


class Co2Example(Message, frozen=True):
    """What one kilowatt-hour of a grid emits, and who says so."""

    id: str
    title: Sentence
    g_kwh: float
    source: str
    year: int
    is_verified: bool


class PowerDescription(Message, frozen=True):
    """The machine's power at one moment. ``today`` and ``month`` are those of the box's zone.

    ``power_w`` is that of the last seconds; ``error_fraction`` is told where it comes from a
    calibration. ``idle_w`` is what the machine takes when nothing is computed. ``coverage`` says
    what is in the figure and what is not. ``energy_total_j`` counts since the history began.
    The history has whole minutes: what is told of it may be a minute old.
    """

    power_w: float | None
    basis: Basis
    error_fraction: float | None
    idle_w: float | None
    coverage: Sentence
    sources: list[PowerSource]
    today: PowerBucket
    month: PowerBucket
    energy_total_j: float | None
    settings: PowerSettings
    has_plug_password: bool
    currency: Currency | None
    calibration: Calibration | None
    calibration_progress: Sentence | None
    tariffs: list[TariffOffer]
    co2_examples: list[Co2Example]
    issues: list[Sentence] = []
    ups: UpsReport | None = None
    eco: EcoReport | None = None


PowerRequest = DescribePower | ReadPowerHistory | SetPower | ForgetCalibration | SetEco
