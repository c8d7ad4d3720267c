# SPDX-License-Identifier: Apache-2.0
"""What UDisks2 refuses, said to a person."""

from enum import StrEnum
from typing import NamedTuple

from atre.errors import MediaError

_ERROR = "org.freedesktop.UDisks2.Error."


class Fault(StrEnum):
    """What went wrong with a disk, for decisions."""

    BUSY = "busy"
    REFUSED = "refused"
    NO_SERVICE = "no_service"
    UNSUITABLE = "unsuitable"
    OTHER = "other"


class DiskError(MediaError):
    """UDisks2 could not do something; ``fault`` says what kind of failure it was."""

    def __init__(self, message: str, french: str, fault: Fault) -> None:
        super().__init__(message, french)
        self.fault = fault


class Said(NamedTuple):
    """The parts of a DiskError: an error is made anew each time that it is raised."""

    message: str
    french: str
    fault: Fault


NO_BUS = Said(
    "Disks cannot be plugged in here: this system has no D-Bus. Choose a folder or a server.",
    "On ne peut pas brancher de disque ici\N{NO-BREAK SPACE}: ce système n’a pas de D-Bus. "
    "Choisissez un dossier ou un serveur.",
    Fault.NO_SERVICE,
)
NO_UDISKS = Said(
    "Disks cannot be plugged in here: UDisks2 is not installed or does not answer. Install the "
    "package udisks2, or choose a folder or a server.",
    "On ne peut pas brancher de disque ici\N{NO-BREAK SPACE}: UDisks2 n’est pas installé ou ne "
    "répond pas. Installez le paquet udisks2, ou choisissez un dossier ou un serveur.",
    Fault.NO_SERVICE,
)

_BUSY = Said(
    "The disk is being written to. Wait until the backup has ended, then release it again.",
    "Le disque est en cours d’écriture. Attendez la fin de la sauvegarde, puis retirez-le.",
    Fault.BUSY,
)
_REFUSED = Said(
    "This system does not let the box use disks. Install the polkit rule of the folder systemd.",
    "Ce système n’autorise pas le boîtier à utiliser des disques. Installez la règle polkit du "
    "dossier systemd.",
    Fault.REFUSED,
)
_UNSUPPORTED = Said(
    "This system cannot use the disk's filesystem. Format the disk, or bring another.",
    "Ce système ne sait pas utiliser le système de fichiers du disque. Formatez le disque, ou "
    "apportez-en un autre.",
    Fault.UNSUITABLE,
)

# udisks 2.9, udisks/udisksenums.h and udiskserror.c.
_KNOWN = {
    f"{_ERROR}DeviceBusy": _BUSY,
    f"{_ERROR}NotAuthorized": _REFUSED,
    f"{_ERROR}NotAuthorizedCanObtain": _REFUSED,
    f"{_ERROR}NotAuthorizedDismissed": _REFUSED,
    f"{_ERROR}NotSupported": _UNSUPPORTED,
    f"{_ERROR}OptionNotPermitted": _UNSUPPORTED,
    "org.freedesktop.DBus.Error.ServiceUnknown": NO_UDISKS,
    "org.freedesktop.DBus.Error.NameHasNoOwner": NO_UDISKS,
    "org.freedesktop.DBus.Error.AccessDenied": _REFUSED,
}
# mount(8) and the kernel, for a filesystem without driver; UDisks2 passes their words on.
_NO_DRIVER = "unknown filesystem type"
_IN_USE = "target is busy"


def failure_of(name: str, message: str) -> DiskError:
    """The error for what UDisks2 answered."""
    if name in _KNOWN:
        return DiskError(*_KNOWN[name])
    if _NO_DRIVER in message:
        return DiskError(*_UNSUPPORTED)
    if _IN_USE in message:
        return DiskError(*_BUSY)
    return DiskError(
        f"The disk failed: {message or name}. Unplug it, look at it on a computer, and try again.",
        f"Le disque a échoué\N{NO-BREAK SPACE}: {message or name}. Débranchez-le, examinez-le sur "
        "un ordinateur, puis réessayez.",
        Fault.OTHER,
    )
