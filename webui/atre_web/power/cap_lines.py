# SPDX-License-Identifier: Apache-2.0
"""Power caps as the power page shows them."""

from collections import Counter
from typing import Any

from atre.ipc.cap_messages import CapBasis, CapKind, CapReport, CapState
from atre_web.panel.energy_words import joules
from atre_web.panel.wording import decimal, gettext, percent, said
from atre_web.power import words

_UNCAPPED = 1.0


def lines(report: CapReport) -> list[str]:
    """One for each cap: what it limits, and how it stands."""
    num = Counter(state.kind for state in report.caps)
    return [
        gettext(
            "%(name)s : %(state)s",
            name=_name(state, is_one=num[state.kind] == 1),
            state=_state(state),
        )
        for state in report.caps
    ]


def why(report: CapReport) -> str:
    """Why power is capped as it is."""
    if not report.caps:
        return gettext("Cette machine n’a pas de limite de puissance réglable.")
    return {
        CapBasis.OFF: "",
        CapBasis.LATER: gettext("Le nombre de fils est mesuré d’abord, sans plafond."),
        CapBasis.PLAIN: gettext(
            "C’est %(part)s de la puissance prévue, car rien ne mesure l’énergie ici.",
            part=percent(report.level),
        ),
        CapBasis.TRIAL: gettext(
            "C’est un essai à %(part)s, pour mesurer ce qu’il épargne.", part=percent(report.level)
        ),
        CapBasis.MEASURED: gettext(
            "C’est %(part)s : ce qui a pris le moins d’énergie par jeton.",
            part=percent(report.level),
        ),
    }[report.basis]


def figures(report: CapReport) -> list[dict[str, Any]]:
    """What was measured of each level."""
    return [
        {
            "level": percent(each.level) if each.level < _UNCAPPED else gettext("Sans plafond"),
            "power": words.watts(each.power_w),
            "speed": decimal(each.tokens_s),
            "token": joules(each.j_token),
        }
        for each in report.figures
    ]


def _name(state: CapState, *, is_one: bool) -> str:
    name = {
        CapKind.PROCESSOR: gettext("Puissance du processeur"),
        CapKind.CARD: gettext("Puissance de la carte graphique"),
        CapKind.PREFERENCE: gettext("Préférence du processeur"),
    }[state.kind]
    return name if is_one else f"{name} ({state.name.partition(':')[2]})"


def _state(state: CapState) -> str:
    if state.reason is not None:
        return gettext("pas plafonnée. %(reason)s", reason=said(state.reason))
    if state.kind is CapKind.PREFERENCE:
        if state.before is not None:
            return gettext("réglée sur l’économie ; remise ensuite comme avant.")
        return gettext("laissée comme elle est.")
    if state.before is not None:
        return gettext(
            "plafonnée à %(now)s ; %(before)s sans le mode éco.",
            now=words.watts(state.now),
            before=words.watts(state.before),
        )
    return gettext("pas plafonnée en ce moment : %(now)s.", now=words.watts(state.now))
