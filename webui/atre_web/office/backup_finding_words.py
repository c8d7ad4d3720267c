# SPDX-License-Identifier: Apache-2.0
"""What is said of backups on the home page: the text, what to do, where, and the way's name."""

from collections.abc import Callable

from atre.sentence import Sentence
from atre_web.office.findings import Code, Finding
from atre_web.panel.wording import gettext, moment, said

Said = tuple[str, str, str, str]


def _never(_: Finding) -> Said:
    return (
        gettext("Rien n’est sauvegardé : si ce boîtier tombe en panne, tout est perdu."),
        gettext("Branchez un disque, ou choisissez un dossier ou un serveur."),
        *_to_backups(),
    )


def _old(finding: Finding) -> Said:
    return (
        gettext("La dernière sauvegarde date du %(when)s.", when=moment(finding.values["at"])),
        gettext("Branchez le disque, ou sauvegardez maintenant."),
        *_to_backups(),
    )


def _sheet(_: Finding) -> Said:
    return (
        gettext("Personne n’a retapé la clé de la feuille de récupération."),
        gettext("Sans elle, les sauvegardes ne s’ouvrent pas une fois le boîtier perdu."),
        "/backups/sheet",
        gettext("Voir la feuille"),
    )


def _unproven(_: Finding) -> Said:
    return (
        gettext("Aucune sauvegarde n’a jamais été restaurée pour preuve."),
        gettext("Lancez une preuve : elle se fait à côté et ne change rien."),
        *_to_backups(),
    )


def _pulled(finding: Finding) -> Said:
    name = said(Sentence(finding.en, finding.fr))
    return (
        gettext("Le disque %(name)s a été débranché pendant une sauvegarde.", name=name),
        gettext("Rebranchez-le et recommencez ; les sauvegardes d’avant comptent toujours."),
        *_to_backups(),
    )


def _full(finding: Finding) -> Said:
    name = said(Sentence(finding.en, finding.fr))
    return (
        gettext("La destination %(name)s est pleine.", name=name),
        gettext("Gardez-y moins d’anciennes sauvegardes, ou prenez un disque plus grand."),
        *_to_backups(),
    )


def _problem(finding: Finding) -> Said:
    why = said(Sentence(finding.en, finding.fr))
    return gettext("La dernière sauvegarde n’a pas réussi."), why, *_to_backups()


def _restore(_: Finding) -> Said:
    return (
        gettext("Une restauration attend que vous la gardiez ou l’annuliez."),
        "",
        "/backups/restore",
        gettext("Décider"),
    )


def _to_backups() -> tuple[str, str]:
    return "/backups", gettext("Voir les sauvegardes")


BACKUP_WORDS: dict[Code, Callable[[Finding], Said]] = {
    "backup_never": _never,
    "backup_old": _old,
    "backup_sheet": _sheet,
    "backup_unproven": _unproven,
    "backup_pulled": _pulled,
    "backup_full": _full,
    "backup_problem": _problem,
    "restore_pending": _restore,
}
