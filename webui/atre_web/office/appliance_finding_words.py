# SPDX-License-Identifier: Apache-2.0
"""What is said of updates and of the machine on the home page, as for backups."""

from collections.abc import Callable

from atre.sentence import Sentence
from atre_web.office.backup_finding_words import Said
from atre_web.office.findings import Code, Finding
from atre_web.panel.wording import gettext, moment, said


def _reset(finding: Finding) -> Said:
    return (
        gettext(
            "Le boîtier efface tout à son prochain démarrage : %(name)s l’a demandé le %(when)s.",
            name=_spoken(finding),
            when=moment(finding.values["at"]),
        ),
        gettext("Si ce n’est pas voulu, annulez-le avant tout redémarrage."),
        "/reset",
        gettext("Ne rien effacer"),
    )


def _presence(finding: Finding) -> Said:
    return (
        gettext(
            "Quelqu’un devant le boîtier peut changer le mot de passe d’un gestionnaire, jusqu’au "
            "%(when)s.",
            when=moment(finding.values["at"]),
        ),
        gettext("Si personne n’a perdu le sien, allez voir qui est devant le boîtier."),
        "/audit",
        gettext("Ouvrir le registre"),
    )


def _rolled_back(finding: Finding) -> Said:
    return (
        gettext("Une mise à jour n’a pas tenu : %(why)s", why=_spoken(finding)),
        gettext("Le boîtier est revenu de lui-même à la version d’avant. Rien n’est perdu."),
        *_to_updates(),
    )


def _security(finding: Finding) -> Said:
    return (
        gettext("La version %(version)s corrige une faille de sécurité.", version=_spoken(finding)),
        gettext("Installez-la dès que vous pouvez."),
        *_to_updates(),
    )


def _ready(finding: Finding) -> Said:
    return (
        gettext("La version %(version)s peut être installée.", version=_spoken(finding)),
        "",
        *_to_updates(),
    )


def _disk(finding: Finding) -> Said:
    return (
        _spoken(finding),
        "",
        "/backups",
        gettext("Voir les sauvegardes"),
    )


def _data(finding: Finding) -> Said:
    return (
        _spoken(finding),
        gettext("Ne mettez rien d’important dans ce boîtier d’ici là."),
        "/help",
        gettext("Ce qu’il faut faire"),
    )


def _spoken(finding: Finding) -> str:
    return said(Sentence(finding.en, finding.fr))


def _to_updates() -> tuple[str, str]:
    return "/updates", gettext("Voir les mises à jour")


APPLIANCE_WORDS: dict[Code, Callable[[Finding], Said]] = {
    "reset_pending": _reset,
    "presence_code": _presence,
    "update_rolled_back": _rolled_back,
    "update_security": _security,
    "update_ready": _ready,
    "data_closed": _data,
    "disk_failing": _disk,
    "disk_wear": _disk,
}
