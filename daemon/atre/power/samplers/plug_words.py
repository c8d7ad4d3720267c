# SPDX-License-Identifier: Apache-2.0
"""What a plug told once, and the sentences for when it told nothing of use."""

import msgspec

from atre.sentence import Sentence

NOT_A_METER = Sentence(
    "This plug switches but does not measure; only models with a power meter help.",
    "Cette prise commute mais ne mesure pas ; il faut un modèle avec compteur.",
)
NOT_THIS_KIND = Sentence(
    "What answers at the plug’s address is not a Shelly (Gen2 or later) or Tasmota plug; check the "
    "address and the kind.",
    "Ce qui répond à l’adresse de la prise n’est pas une prise Shelly (Gen2 ou plus récente) ou "
    "Tasmota ; vérifiez l’adresse et le type.",
)
WRONG_PASSWORD = Sentence(
    "The plug refuses the password; enter the one of its web page.",
    "La prise refuse le mot de passe ; saisissez celui de sa page web.",
)
NOTHING_DRAWN = Sentence(
    "The plug tells 0 W, but this machine runs: it does not hang on that plug’s outlet.",
    "La prise indique 0 W alors que cette machine fonctionne : elle n’y est pas branchée.",
)
ABSURD = Sentence(
    "The plug tells a power that no outlet can carry; its figures are not used.",
    "La prise indique une puissance qu’aucune prise ne peut fournir ; ses chiffres sont ignorés.",
)
NOT_ASKED_YET = Sentence(
    "The plug has not answered yet.",
    "La prise n’a pas encore répondu.",
)


class Metered(msgspec.Struct, frozen=True, kw_only=True):
    """Watts now and joules since the plug's counter was reset, or why there are none."""

    power_w: float | None = None
    energy_j: float | None = None
    reason: Sentence | None = None


def unreachable(detail: str, detail_fr: str) -> Sentence:
    """Say that the plug does not answer, and how."""
    return Sentence(
        f"The plug does not answer ({detail}); check that it is on and that its address is still "
        "the same.",
        f"La prise ne répond pas ({detail_fr}) ; vérifiez qu’elle est sous tension et que son "
        "adresse n’a pas changé.",
    )
