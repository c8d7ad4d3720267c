# SPDX-License-Identifier: Apache-2.0
"""What the screen says of a unit's burn-in and sealing. Pure."""

from atre.provision.bench import Order, Phase, Progress
from atre.sentence import Sentence

_NBSP = "\N{NO-BREAK SPACE}"
_MAX_SAID = 2  # the rest is in the report
_STEPS = {
    "memory": Sentence("memory", "mémoire"),
    "disk": Sentence("disk", "disque"),
    "engine": Sentence("engine", "moteur"),
}
_WAITING = Sentence(
    "The test begins once the model is there.", "L’essai commence dès que le modèle est là."
)
_BEGINNING = Sentence("The test begins…", "L’essai commence…")
_STOPPED = Sentence(
    "The test was stopped. To repeat it, raise attempt in atre-provision.toml.",
    "L’essai a été arrêté. Pour le refaire, augmentez attempt dans atre-provision.toml.",
)
_CUT = Sentence(
    "The test was CUT OFF: the power failed, or the machine went off by itself. To repeat it, "
    "raise attempt in atre-provision.toml.",
    f"L’essai a été COUPÉ{_NBSP}: le courant a manqué, ou la machine s’est éteinte seule. Pour le "
    "refaire, augmentez attempt dans atre-provision.toml.",
)
_PASSED = Sentence("The test has passed.", "L’essai est réussi.")
_SEALING = Sentence(
    "Being sealed. Leave the stick in: the unit switches itself off.",
    "Scellage en cours. Laissez la clé USB\N{NO-BREAK SPACE}: le boîtier s’éteint seul.",
)


def words(order: Order, progress: Progress | None, boot_id: str) -> Sentence | None:
    """None where there is nothing to say any more.

    ``boot_id`` tells a test that runs from one that ended with an earlier start of the machine.
    """
    if order.phase is Phase.ENDED and order.has_passed and order.boot_id != boot_id:
        return None  # sold without being sealed, it says at the office how to claim it
    if order.phase is Phase.RUNNING:
        return _running(progress) if order.boot_id == boot_id else _CUT
    if order.phase is Phase.ENDED:
        return _ended(order)
    return {
        Phase.WAITING: _WAITING,
        Phase.STOPPED: _STOPPED,
        Phase.CUT: _CUT,
        Phase.SEALING: _SEALING,
    }[order.phase]


def _running(progress: Progress | None) -> Sentence:
    if progress is None:
        return _BEGINNING
    step, minutes = _STEPS[progress.step], round(progress.left_s / 60)
    return Sentence(
        f"Test: {step.text}, {minutes} min left. Leave the unit on.",
        f"Essai{_NBSP}: {step.text_fr}, encore {minutes}{_NBSP}min. Laissez le boîtier allumé.",
    )


def _ended(order: Order) -> Sentence:
    if order.has_passed and not order.said:
        return _PASSED
    first = (
        Sentence("The test has passed, NOT sealed:", f"Essai réussi, PAS scellé{_NBSP}:")
        if order.has_passed
        else Sentence("NOT fit for sale:", f"PAS bon pour la vente{_NBSP}:")
    )
    said = (first, *order.said[:_MAX_SAID])
    return Sentence(" ".join(each.text for each in said), " ".join(each.text_fr for each in said))
