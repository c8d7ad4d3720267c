# SPDX-License-Identifier: Apache-2.0
"""Eco mode as the power page shows it: what it does now, and what that was measured to change."""

from typing import Any

from atre.ipc.eco_messages import EcoReport, ThreadBasis
from atre_web.panel.energy_words import joules
from atre_web.panel.wording import decimal, gettext, is_french, ngettext
from atre_web.power import cap_lines, words

_S_PER_MINUTE = 60.0


def example() -> str:
    """Hours as the form takes them."""
    return "lun-ven 19:00-07:00, sam-dim" if is_french() else "mon-fri 19:00-07:00, sat-sun"


def card(eco: EcoReport | None) -> dict[str, Any] | None:
    """Its words and figures, None where the box has no eco mode to tell of."""
    if eco is None:
        return None
    return {
        "mode": eco.settings.mode,
        "calendar": eco.settings.calendar,
        "example": example(),
        "state": _state(eco),
        "unload": _unload(eco) if eco.is_on else "",
        "threads": _threads(eco) if eco.is_on else "",
        "caps": cap_lines.lines(eco.caps) if eco.is_on else [],
        "caps_why": cap_lines.why(eco.caps) if eco.is_on else "",
        "cap_figures": cap_lines.figures(eco.caps),
        "figures": [
            {
                "threads": _count(each.threads, eco.max_threads),
                "power": words.watts(each.power_w),
                "speed": decimal(each.tokens_s),
                "token": joules(each.j_token),
            }
            for each in eco.figures
        ],
    }


def _state(eco: EcoReport) -> str:
    if eco.is_on:
        return gettext("Le mode éco est en marche.")
    return gettext("Le mode éco ne joue pas en ce moment.")


def _unload(eco: EcoReport) -> str:
    """Which of the two rules counts."""
    sleep_s = eco.sleep_after_s
    if sleep_s is not None and sleep_s <= eco.unload_after_s:
        minutes = sleep_s / _S_PER_MINUTE
        return ngettext(
            "Le modèle quitte la mémoire après %(n)s minute sans question : c’est la veille des "
            "réglages qui compte, elle est plus courte.",
            "Le modèle quitte la mémoire après %(n)s minutes sans question : c’est la veille des "
            "réglages qui compte, elle est plus courte.",
            minutes,
            n=decimal(minutes),
        )
    minutes = eco.unload_after_s / _S_PER_MINUTE
    return ngettext(
        "Le modèle quitte la mémoire après %(n)s minute sans question : c’est le mode éco qui "
        "compte.",
        "Le modèle quitte la mémoire après %(n)s minutes sans question : c’est le mode éco qui "
        "compte.",
        minutes,
        n=decimal(minutes),
    )


def _threads(eco: EcoReport) -> str:
    if eco.threads is None or eco.max_threads is None:
        return gettext("Aucun modèle n’est en mémoire.")
    why = {
        ThreadBasis.ALL: gettext("il n’y en a pas d’autre à essayer."),
        ThreadBasis.HALF: gettext("la moitié, car rien ne mesure l’énergie ici."),
        ThreadBasis.TRIAL: gettext("un essai, pour mesurer ce qu’ils prennent."),
        ThreadBasis.MEASURED: gettext("le nombre qui a pris le moins d’énergie par jeton."),
    }[eco.basis]
    return gettext(
        "Les réponses s’écrivent avec %(n)s des %(most)s fils d’exécution : %(why)s",
        n=decimal(eco.threads),
        most=decimal(eco.max_threads),
        why=why,
    )


def _count(threads: int, most: int | None) -> str:
    if threads == most:
        return gettext("%(n)s (tous, sans le mode éco)", n=decimal(threads))
    return decimal(threads)
