# SPDX-License-Identifier: Apache-2.0
"""The UPS as the power page shows it."""

from typing import Any

from atre.ipc.power_messages import Supply, UpsReport
from atre_web.panel.snapshot import UNKNOWN
from atre_web.panel.wording import decimal, gettext, percent, said

_S_PER_MINUTE = 60.0


def card(ups: UpsReport | None) -> dict[str, Any] | None:
    """Its words and figures, None where no UPS is set up."""
    if ups is None:
        return None
    return {
        "name": " · ".join(part for part in (ups.name, ups.model) if part),
        "state": _state(ups),
        "is_bad": ups.supply in {Supply.BATTERY, Supply.ENDING},
        "charge": _part(ups.charge),
        "left": _left(ups.runtime_s),
        "load": _part(ups.load),
        "needs_battery": ups.needs_battery,
        "problem": said(ups.problem) if ups.problem else "",
    }


def _state(ups: UpsReport) -> str:
    if ups.problem is not None and ups.supply in {Supply.MAINS, Supply.UNKNOWN}:
        return gettext("L’onduleur ne dit pas ce qui alimente le boîtier.")
    return {
        Supply.MAINS: gettext("Le boîtier est sur le secteur ; l’onduleur est prêt."),
        Supply.BATTERY: gettext(
            "Le courant est coupé. Le boîtier tient sur la batterie : il finit les réponses "
            "commencées et n’en commence plus."
        ),
        Supply.ENDING: gettext(
            "La batterie est presque vide. Le boîtier ne répond plus ; il reprend de lui-même "
            "quand le courant est revenu."
        ),
        Supply.UNKNOWN: gettext("L’onduleur ne dit pas ce qui alimente le boîtier."),
    }[ups.supply]


def _part(fraction: float | None) -> str:
    return UNKNOWN if fraction is None else percent(fraction)


def _left(runtime_s: float | None) -> str:
    """Whole minutes, rounded down: nobody counts on a minute that is not there."""
    if runtime_s is None:
        return UNKNOWN
    return gettext("%(n)s min", n=decimal(runtime_s // _S_PER_MINUTE))
