# SPDX-License-Identifier: Apache-2.0
"""Where the energy went, and what one answer takes, as the power page shows it."""

from typing import Any

from atre.ipc.energy_messages import EnergyBucket, EnergyShares
from atre_web.panel.energy_words import joules
from atre_web.panel.snapshot import UNKNOWN
from atre_web.panel.wording import decimal, gettext, percent
from atre_web.power import words

BAR_WIDTH = 100.0
_J_PER_WH = 3600.0


def card(shares: EnergyShares | None) -> dict[str, Any] | None:
    """Shares and distribution, None while nothing is known of either."""
    if shares is None:
        return None
    total_j = shares.requests_j + shares.idle_j + shares.other_j
    if total_j <= 0:
        return None
    parts = (
        (gettext("Réponses"), shares.requests_j),
        (gettext("Machine au repos"), shares.idle_j),
        (gettext("Autres programmes"), shares.other_j),
    )
    return {
        "parts": [(name, _amount(j), percent(j / total_j)) for name, j in parts],
        "total": _amount(total_j),
        "num_answers": decimal(sum(bucket.count for bucket in shares.answers)),
        "median": UNKNOWN if shares.median_j is None else joules(shares.median_j),
        "answers": _bars(shares.answers),
        "prompt": percent(shares.prompt_weight) if shares.is_calibrated else "",
    }


def _bars(buckets: list[EnergyBucket]) -> list[dict[str, Any]]:
    most = max((bucket.count for bucket in buckets), default=1) or 1
    return [
        {
            "range": gettext(
                "%(low)s à %(high)s", low=_short(bucket.from_j), high=joules(bucket.to_j)
            ),
            "count": decimal(bucket.count),
            "width": round(BAR_WIDTH * bucket.count / most, 1),
        }
        for bucket in buckets
    ]


def _amount(j: float) -> str:
    """Joules while watt-hours would round to nothing; nothing is 0 J, beside either."""
    if j <= 0:
        return f"{decimal(0.0)}\N{NO-BREAK SPACE}J"
    return joules(j) if j < _J_PER_WH else words.energy(j)


def _short(from_j: float) -> str:
    return decimal(0.0) if from_j == 0 else joules(from_j)
