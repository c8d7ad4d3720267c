# SPDX-License-Identifier: Apache-2.0
"""What answers took, in words; static/js/energy.js says the same of answers that are not kept."""

from atre_web.chat.message import Json
from atre_web.panel.texts import chat_texts
from atre_web.panel.wording import decimal

_J_PER_WH = 3600.0
_LEAST_J = 0.1
_ROUGH = 0.2  # of a figure was inferred: then it is an approximation to whoever reads it
# The everyday measure: an oven that takes 1,000 W from the wall takes so many joules a second.
_OVEN_W = 1000.0
_LEAST_S = 0.1


def energy_note(energy: Json | None) -> str:
    """``usage.energy`` with its basis and an everyday comparison; a dash where it is unknown."""
    texts = chat_texts()
    if energy is None:
        return texts["energy_unknown"]
    is_rough = (energy.get("uncertainty") or 0.0) > _ROUGH
    seconds = energy["j"] / _OVEN_W
    return texts["energy" if seconds >= _LEAST_S else "energy_small"].format(
        energy=("≈\N{NO-BREAK SPACE}" if is_rough else "") + joules(energy["j"]),
        basis=texts.get(f"basis_{energy['basis']}", texts["basis_unknown"]),
        seconds=decimal(seconds),
    )


def joules(j: float) -> str:
    """An amount of energy; watt-hours where there are many."""
    if j >= _J_PER_WH:
        return f"{decimal(j / _J_PER_WH)}\N{NO-BREAK SPACE}Wh"
    if j < _LEAST_J:
        return f"<\N{NO-BREAK SPACE}{decimal(_LEAST_J)}\N{NO-BREAK SPACE}J"
    return f"{decimal(j)}\N{NO-BREAK SPACE}J"
