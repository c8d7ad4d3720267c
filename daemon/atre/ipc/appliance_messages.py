# SPDX-License-Identifier: Apache-2.0
"""What managers ask of the box as a machine, on ``atred.sock``.

``DescribeAppliance``, ``OrderFactoryReset``, ``TakeBackFactoryReset``, ``ChangeNetwork``,
``ConfirmNetwork`` or ``TakeBackNetwork`` → ``Appliance``; ``UsePresenceCode`` → ``PresenceUsed``;
or ``Failed``.
"""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from atre.ipc.message import Message
from atre.sentence import Sentence


class AddressMethod(StrEnum):
    """Where the box's address comes from."""

    DHCP = "dhcp"
    STATIC = "static"


class NetworkSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the box is on the network; ``atre.network.settings.check`` says what makes sense.

    ``address`` is with its prefix, such as ``192.168.1.50/24``; it, ``gateway`` and ``dns`` are
    for ``STATIC`` only. An empty ``interface`` is every wired one, which ``STATIC`` does not allow.
    """

    method: AddressMethod = AddressMethod.DHCP
    interface: Annotated[str, Meta(max_length=15)] = ""
    address: Annotated[str, Meta(max_length=50)] = ""
    gateway: Annotated[str, Meta(max_length=50)] = ""
    dns: Annotated[tuple[Annotated[str, Meta(max_length=50)], ...], Meta(max_length=3)] = ()


class NetworkChange(msgspec.Struct, frozen=True, kw_only=True):
    """Settings on trial: taken back by itself at ``ends_at`` (Unix seconds) unless confirmed."""

    id: str
    settings: NetworkSettings
    ends_at: float
    seconds_left: float


class NetworkState(msgspec.Struct, frozen=True, kw_only=True):
    """``settings`` are those that count after a restart; ``change`` is what is on trial.

    ``interfaces`` are the wired ones that this machine has. ``refusal`` says why nothing can be
    changed from here, None where it can.
    """

    settings: NetworkSettings
    change: NetworkChange | None
    interfaces: list[str]
    refusal: Sentence | None
    last_revert: Sentence | None


class PresenceMeans(StrEnum):
    """How somebody proved to stand before the box."""

    USB_STICK = "usb_stick"
    CONSOLE = "console"


class Presence(msgspec.Struct, frozen=True, kw_only=True):
    """A code was given out at the box itself, and lets managers' sign-in be reset until then."""

    means: PresenceMeans
    ends_at: float


class FactoryReset(msgspec.Struct, frozen=True, kw_only=True):
    """Ordered at ``ordered_at`` (Unix seconds); all data goes at the next start."""

    ordered_at: float
    by: str


class DiskFinding(msgspec.Struct, frozen=True, kw_only=True):
    """What a person should know of a disk; ``is_urgent`` if data may be lost soon."""

    is_urgent: bool
    sentence: Sentence


class DiskHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One of the machine's own disks, as it tells of itself; None is what it does not tell.

    ``wear`` is the fraction of its rated writes that is used up, above 1 on a disk past them.
    ``written_day_bytes`` is what it took in the last 24 hours that the box counted.
    """

    name: str
    model: str
    size_bytes: int | None
    wear: float | None
    media_errors: int | None
    written_bytes: int | None
    written_day_bytes: int | None
    years_left: float | None
    temperature_c: float | None
    power_on_hours: int | None
    has_passed: bool | None
    findings: list[DiskFinding]


class DescribeAppliance(Message, frozen=True):
    """Ask for ``Appliance``."""


class Appliance(Message, frozen=True, kw_only=True):
    """The box as a machine. ``is_image`` is False on a machine that only runs the service.

    ``serial`` is what must be typed before a factory reset, and names the file on a USB stick.
    ``disk_problem`` says why nothing is known of the disks, None where something is.
    ``lost_password_file`` and ``reset_file`` are the names such a stick's file must have; the one
    line of the first is a word of its writer's own, which is then the code. ``data_problem`` says
    why the box runs without its data, None where it has it.
    """

    is_image: bool
    serial: str
    factory_reset: FactoryReset | None
    presence: Presence | None
    lost_password_file: str
    reset_file: str
    network: NetworkState
    disks: list[DiskHealth]
    disk_problem: Sentence | None
    data_problem: Sentence | None = None


class OrderFactoryReset(Message, frozen=True, kw_only=True):
    """Erase everything at the next start; ``typed`` must be the serial, ``by`` is who asks.

    The box starts anew at once if ``restart``.
    """

    typed: Annotated[str, Meta(max_length=100)]
    by: Annotated[str, Meta(max_length=200)]
    restart: bool = True


class TakeBackFactoryReset(Message, frozen=True):
    """Erase nothing after all; nothing happens if nothing was ordered."""


class ChangeNetwork(Message, frozen=True):
    """Use these settings at once, on trial: 30 seconds to confirm them, under the new address."""

    settings: NetworkSettings


class ConfirmNetwork(Message, frozen=True):
    """Keep what is on trial; ``id`` is the change's."""

    id: Annotated[str, Meta(max_length=64)]


class TakeBackNetwork(Message, frozen=True):
    """Return to the settings before the trial; nothing happens without one."""


class UsePresenceCode(Message, frozen=True):
    """Spend the code that was given out at the box. It counts once, and for managers only."""

    code: Annotated[str, Meta(max_length=40)]


class PresenceUsed(Message, frozen=True):
    """The code was right, and is spent; ``means`` is for the register."""

    means: PresenceMeans


ApplianceRequest = (
    DescribeAppliance
    | OrderFactoryReset
    | TakeBackFactoryReset
    | ChangeNetwork
    | ConfirmNetwork
    | TakeBackNetwork
    | UsePresenceCode
)
