# SPDX-License-Identifier: Apache-2.0
"""What to say of backups whose data rotted on their disk."""

import datetime as dt
from collections.abc import Mapping

from atre.errors import BackupError, BackupProblem

_SHORT = 8
_MAX_NAMED = 3


def damaged(backups: Mapping[str, dt.datetime]) -> BackupError:
    """The error that names the damaged backups, by id with their time; none if nobody can tell."""
    newest = sorted(backups, key=lambda each: backups[each], reverse=True)
    english = ", ".join(_named(each, backups[each], "of") for each in newest[:_MAX_NAMED])
    french = ", ".join(_named(each, backups[each], "du") for each in newest[:_MAX_NAMED])
    more = len(newest) - _MAX_NAMED
    if more > 0:
        english, french = f"{english} and {more} more", f"{french} et {more} de plus"
    if newest:
        english = f"Damaged on that disk: backup {english}. The others were found whole."
        french = f"Abîmée sur ce disque\u00a0: sauvegarde {french}. Les autres sont entières."
    else:
        english = "Backups on that disk are damaged, and it cannot be told which."
        french = "Des sauvegardes de ce disque sont abîmées, sans qu’on sache lesquelles."
    return BackupError(
        f"{english} Make a backup on another disk now, then replace this one.",
        f"{french} Faites maintenant une sauvegarde sur un autre disque, puis remplacez celui-ci.",
        problem=BackupProblem.DAMAGED,
    )


def _named(snapshot: str, at: dt.datetime, of: str) -> str:
    return f"{snapshot[:_SHORT]} {of} {at.astimezone():%Y-%m-%d %H:%M}"
