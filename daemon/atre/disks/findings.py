# SPDX-License-Identifier: Apache-2.0
"""What people should know of a disk before it fails. Pure."""

from atre.disks.smart import Smart
from atre.ipc.appliance_messages import DiskFinding
from atre.sentence import Sentence

_WORN, _WORN_OUT = 0.8, 0.9
_HOT_C = 70.0
_HOURS_IN_YEAR = 8766.0
_LEAST_WEAR = 0.02  # below it the estimate jumps by years with each percent


def findings(disk: Smart) -> list[DiskFinding]:
    """The most urgent first."""
    name = disk.model or disk.name
    found = []
    if disk.has_passed is False:
        found.append(_finding(
            f"The disk {name} reports that it fails. Make a backup today and have it replaced.",
            f"Le disque {name} annonce une panne. Faites une sauvegarde aujourd’hui et faites-le "
            "remplacer.",
            is_urgent=True,
        ))  # fmt: skip
    if disk.media_errors:
        found.append(_finding(
            f"The disk {name} could not read or write {disk.media_errors} times. Make a backup "
            "and have it replaced soon.",
            f"Le disque {name} n’a pas pu lire ou écrire {disk.media_errors} fois. Faites une "
            "sauvegarde, et faites-le remplacer bientôt.",
            is_urgent=True,
        ))  # fmt: skip
    if disk.wear is not None and disk.wear >= _WORN:
        percent = round(disk.wear * 100)
        found.append(_finding(
            f"The disk {name} has used {percent}% of the writes it is made for. Plan its "
            "replacement.",
            f"Le disque {name} a consommé {percent} % des écritures pour lesquelles il est fait. "
            "Prévoyez son remplacement.",
            is_urgent=disk.wear >= _WORN_OUT,
        ))  # fmt: skip
    if disk.temperature_c is not None and disk.temperature_c >= _HOT_C:
        found.append(_finding(
            f"The disk {name} is at {disk.temperature_c:.0f} °C. Give the box air.",
            f"Le disque {name} est à {disk.temperature_c:.0f} °C. Donnez de l’air au boîtier.",
            is_urgent=False,
        ))  # fmt: skip
    return sorted(found, key=lambda each: not each.is_urgent)


def years_left(disk: Smart) -> float | None:
    """Until its rated writes are used up, if it goes on as in its whole life until now."""
    if disk.wear is None or disk.wear < _LEAST_WEAR or not disk.power_on_hours:
        return None
    return max(0.0, disk.power_on_hours / _HOURS_IN_YEAR * (1 - disk.wear) / disk.wear)


def _finding(english: str, french: str, *, is_urgent: bool) -> DiskFinding:
    return DiskFinding(is_urgent=is_urgent, sentence=Sentence(english, french))
