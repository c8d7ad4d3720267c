# SPDX-License-Identifier: Apache-2.0
"""The panel's menu. What somebody may open follows from the authorisation table alone.

A new room is a line here and its rows there.
"""

from dataclasses import dataclass

from flask import request

from atre_web.accounts import authorisation, current
from atre_web.panel.wording import gettext

# Pages that a room leads to, and that have no room of their own.
_BEHIND = {"/system": {"/audit", "/transfer", "/reset"}}


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of the menu."""

    path: str
    name: str

    @property
    def is_current(self) -> bool:
        """Whether the page being shown is there, or behind it."""
        below = "/chat" if self.path == "/" else f"{self.path}/"
        is_behind = request.path in _BEHIND.get(self.path, ())
        return is_behind or request.path == self.path or request.path.startswith(below)


def places() -> list[Place]:
    """The bar at the top of every page."""
    everybody = [Place("/", gettext("Discussion"))]
    if _may("/admin"):
        middle = [Place("/admin", gettext("Gestion"))]
    else:
        middle = [Place("/status", gettext("État")), Place("/usage", gettext("Mon usage"))]
    return [
        place
        for place in [*everybody, *middle, Place("/help", gettext("Aide"))]
        if _may(place.path)
    ]


def rooms() -> list[Place]:
    """The rooms of the administration, for those who may enter it."""
    if not _may("/admin"):
        return []
    found = [
        Place("/admin", gettext("Accueil")),
        Place("/people", gettext("Personnes")),
        Place("/models", gettext("Modèles")),
        Place("/network", gettext("Réseau")),
        Place("/usage", gettext("Usage")),
        Place("/power", gettext("Électricité")),
        Place("/backups", gettext("Sauvegardes")),
        Place("/updates", gettext("Mises à jour")),
        Place("/settings", gettext("Réglages")),
        Place("/system", gettext("Système")),
        Place("/status", gettext("État")),
    ]
    return [place for place in found if _may(place.path)]


def is_in_administration() -> bool:
    """Whether the page being shown is one of the rooms, or behind one."""
    return any(room.is_current for room in rooms())


def current_role() -> str:
    """What the person who reads this page is."""
    principal = current.known_principal()
    return principal.role if principal else "guest"


def _may(path: str) -> bool:
    principal = current.known_principal()
    wanted = authorisation.access(authorisation.TABLE, path, "GET")
    return principal is not None and wanted is not None and authorisation.may(principal, wanted)
