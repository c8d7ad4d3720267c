# SPDX-License-Identifier: Apache-2.0
"""Why a unit may not be sealed yet. Pure."""

from collections.abc import Iterator

import msgspec

from atre.burn_in.report import Report
from atre.choices.unit_file import UnitFile
from atre.sentence import Sentence

_NBSP = "\N{NO-BREAK SPACE}"


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """What the reseller does without: a code on the label, a burn-in."""

    without_label: bool = False
    without_burn_in: bool = False


class UnitState(msgspec.Struct, frozen=True, kw_only=True):
    """What was found. ``key`` is the fingerprint of the unit's own key.

    ``report_problem`` says why there is no ``report``; ``damage`` is a sentence for each file of a
    model that is not whole. ``missing_model`` was ordered, and the unit answers with another.
    """

    is_running: bool
    is_claimed: bool
    given: UnitFile | None
    key: str
    report: Report | None
    report_problem: Sentence
    damage: tuple[Sentence, ...]
    missing_model: str = ""


def refusals(found: UnitState, wishes: Wishes) -> tuple[Sentence, ...]:
    """Everything that stands in the way; empty if the unit may be sealed."""
    return (*_use(found), *_label(found, wishes), *_burn_in(found, wishes), *_models(found))


def _use(found: UnitState) -> Iterator[Sentence]:
    if found.is_running:
        yield Sentence(
            "The box runs. Stop it: systemctl stop atre",
            f"Le boîtier fonctionne. Arrêtez-le{_NBSP}: systemctl stop atre",
        )
    if found.is_claimed:
        yield Sentence(
            "The unit is somebody's, with conversations perhaps. Reset it to factory first.",
            "Le boîtier est à quelqu’un, avec peut-être des conversations. Remettez-le d’abord à "
            "zéro.",
        )


def _label(found: UnitState, wishes: Wishes) -> Iterator[Sentence]:
    if found.given is None and not wishes.without_label:
        yield Sentence(
            "The unit has no claim code for its label. Give its file with --unit, or --no-label "
            "for a unit that shows a code at each start.",
            "Le boîtier n’a pas de code pour son étiquette. Donnez son fichier avec --unit, ou "
            "--no-label pour un boîtier qui affiche un code à chaque démarrage.",
        )


def _burn_in(found: UnitState, wishes: Wishes) -> Iterator[Sentence]:
    report = found.report
    if wishes.without_burn_in:
        return
    if report is None:
        yield found.report_problem
        return
    if report.unit.key != found.key:
        yield Sentence(
            "The burn-in report is another unit's. Run `atre doctor --burn-in` on this one.",
            "Le rapport d’essai est celui d’un autre boîtier. Lancez `atre doctor --burn-in` sur "
            "celui-ci.",
        )
    if not report.has_passed:
        yield Sentence(
            "The unit failed its burn-in. Mend what the report says and test it again.",
            "Le boîtier a échoué à l’essai. Réparez ce que dit le rapport, puis refaites l’essai.",
        )
    if found.given and report.unit.serial and report.unit.serial != found.given.serial:
        yield Sentence(
            f"The burn-in was that of {report.unit.serial}, and the label is that of "
            f"{found.given.serial}. Take the right label, or test the unit again with --serial.",
            f"L’essai était celui de {report.unit.serial}, et l’étiquette est celle de "
            f"{found.given.serial}. Prenez la bonne étiquette, ou refaites l’essai avec --serial.",
        )


def _models(found: UnitState) -> Iterator[Sentence]:
    if found.missing_model:
        yield Sentence(
            f"The model that was ordered, {found.missing_model}, does not answer on this unit. "
            "Have it fetched again, or order another one.",
            f"Le modèle commandé, {found.missing_model}, ne répond pas sur ce boîtier. Faites-le "
            "télécharger de nouveau, ou commandez-en un autre.",
        )
    for problem in found.damage:
        yield Sentence(
            f"A model is damaged: {problem.text} Remove it and import it again.",
            f"Un modèle est abîmé{_NBSP}: {problem.text_fr} Supprimez-le et importez-le de "
            "nouveau.",
        )
