# SPDX-License-Identifier: Apache-2.0
"""What takes the room on the box's disk, and the limits that a manager set, for the page."""

from dataclasses import dataclass

from atre.ipc.media_messages import SpaceReport
from atre_web.panel.wording import gettext, is_french, size

_GIGABYTE = 10**9
_MOST_GB = 1_000_000  # more than any disk; beyond it, a slip of the finger


@dataclass(frozen=True, slots=True)
class SpaceCard:
    """``models`` and ``attachments`` are limits in gigabytes as they are typed, empty for none."""

    parts: tuple[tuple[str, str], ...] = ()
    models: str = ""
    attachments: str = ""
    wrong: str = ""


def card(report: SpaceReport) -> SpaceCard:
    """The card for what the box says."""
    names = _names()
    parts = [(names.get(name, name), size(used)) for name, used in report.parts.items()]
    free = gettext(
        "%(free)s sur %(total)s", free=size(report.free_bytes), total=size(report.total_bytes)
    )
    return SpaceCard(
        (*parts, (gettext("Libre"), free)),
        models=_typed(report.limits.models),
        attachments=_typed(report.limits.attachments),
    )


def limit_bytes(typed: str) -> int | None:
    """The limit of a number of gigabytes, None for an empty field. Raises ValueError.

    A comma is French: in English it would part thousands.
    """
    text = "".join(typed.split())
    if is_french():
        text = text.replace(",", ".")
    if not text:
        return None
    if not text.replace(".", "", 1).isdecimal() or not 0 < float(text) <= _MOST_GB:
        raise ValueError(typed)
    return max(1, round(float(text) * _GIGABYTE))


def _typed(limit: int | None) -> str:
    if limit is None:
        return ""
    text = f"{limit / _GIGABYTE:.3f}".rstrip("0").rstrip(".")
    return text.replace(".", ",") if is_french() else text


def _names() -> dict[str, str]:
    return {
        "models": gettext("Modèles"),
        "conversations": gettext("Conversations, comptes et fichiers joints"),
        "logs": gettext("Journaux"),
        "staging": gettext("Sauvegarde en cours"),
        "reserve": gettext("Réserve pour les mauvais jours"),
        "other": gettext("Le reste"),
    }
