# SPDX-License-Identifier: Apache-2.0
"""What is said of a finding, what to do, and where."""

from collections.abc import Callable
from dataclasses import dataclass

from atre.sentence import Sentence
from atre_web.office.appliance_finding_words import APPLIANCE_WORDS
from atre_web.office.backup_finding_words import BACKUP_WORDS, Said
from atre_web.office.findings import Code, Finding, Level
from atre_web.panel.wording import decimal, gettext, moment, said, size


@dataclass(frozen=True, slots=True)
class Words:
    """A finding in the reader's language. ``link`` is what the way to ``href`` is called."""

    code: Code
    level: Level
    text: str
    remedy: str
    href: str
    link: str

    @property
    def sentence(self) -> str:
        """Both sentences as one line."""
        return f"{self.text} {self.remedy}".strip()


def words(finding: Finding) -> Words:
    """The finding in the language of the request."""
    text, remedy, href, link = _WORDS[finding.code](finding)
    return Words(finding.code, finding.level, text, remedy, href, link)


def levels() -> dict[Level | None, str]:
    """What each light is called; None is green."""
    return {
        None: gettext("Tout va bien"),
        "urgent": gettext("À réparer"),
        "attention": gettext("À regarder"),
        "advice": gettext("Conseil"),
    }


def _spoken(finding: Finding) -> str:
    return said(Sentence(finding.en, finding.fr))


def _engine_down(finding: Finding) -> Said:
    return (
        gettext("Le moteur ne répond pas : %(why)s", why=_spoken(finding)),
        gettext(
            "Au démarrage, attendez une minute. Si cela dure, redémarrez le moteur ou choisissez "
            "un autre modèle."
        ),
        "/system",
        gettext("Redémarrer le moteur"),
    )


def _box_down(_: Finding) -> Said:
    return (
        gettext(
            "Le service d’administration ne répond pas ; l’adresse et la découverte du réseau "
            "sont inconnues."
        ),
        gettext("Il redémarre de lui-même ; sinon, relancez le boîtier."),
        "/system",
        gettext("Lire les journaux"),
    )


def _disk(finding: Finding) -> Said:
    return (
        gettext(
            "Il reste %(size)s sur le disque du boîtier.",
            size=size(finding.values["free_bytes"]),
        ),
        gettext(
            "Supprimez des modèles qui ne servent plus : sans place, plus rien ne s’enregistre."
        ),
        "/models",
        gettext("Voir les modèles"),
    )


def _disk_full(finding: Finding) -> Said:
    return (
        gettext(
            "Le disque du boîtier est plein (%(size)s de libre) : rien de nouveau ne s’enregistre.",
            size=size(finding.values["free_bytes"]),
        ),
        gettext(
            "Lire et supprimer restent possibles. Retirez des modèles qui ne servent plus, ou "
            "supprimez des conversations."
        ),
        "/models",
        gettext("Voir les modèles"),
    )


def _clock_unset(_: Finding) -> Said:
    return (
        gettext("L’horloge du boîtier n’est pas à l’heure : elle n’a jamais été réglée."),
        gettext(
            "Branchez-le au réseau, où il prend l’heure, ou réglez-la sur la machine : les "
            "certificats, les invitations et les journées en dépendent."
        ),
        "/system",
        gettext("Voir l’heure du boîtier"),
    )


def _clock_back(finding: Finding) -> Said:
    return (
        gettext(
            "L’horloge du boîtier a reculé : il a déjà connu le %(when)s.",
            when=moment(finding.values["latest"]),
        ),
        gettext("Remettez la machine à l’heure ; les sessions et les limites en dépendent."),
        "/system",
        gettext("Voir l’heure du boîtier"),
    )


def _clock_ahead(finding: Finding) -> Said:
    return (
        gettext(
            "L’horloge du boîtier est loin en avance : elle dit le %(when)s, et rien ne le "
            "confirme.",
            when=moment(finding.values["now"]),
        ),
        gettext(
            "Branchez-le au réseau, où il prend l’heure, ou réglez-la sur la machine. D’ici là, "
            "aucune vieille conversation n’est supprimée ; les certificats et les invitations "
            "peuvent passer pour expirés."
        ),
        "/system",
        gettext("Voir l’heure du boîtier"),
    )


def _transfer(_: Finding) -> Said:
    return (
        gettext("Un transfert à un nouveau propriétaire est en cours."),
        gettext(
            "Dès que son code a servi, tous les gestionnaires d’aujourd’hui perdent leur accès. "
            "Annulez-le si personne ne l’attend."
        ),
        "/transfer",
        gettext("Voir le transfert"),
    )


def _certificate_ended(_: Finding) -> Said:
    return (
        gettext("Le certificat du boîtier n’est plus valable à l’heure qu’il croit être."),
        gettext("Vérifiez son horloge ; sinon, revenez au certificat du boîtier."),
        "/network",
        gettext("Voir le certificat"),
    )


def _plain_http(finding: Finding) -> Said:
    return (
        gettext(
            "Des programmes peuvent utiliser l’API sans chiffrement sur le port %(port)s : "
            "quiconque est sur le réseau peut lire leurs clés, leurs questions et les réponses.",
            port=int(finding.values["port"]),
        ),
        gettext(
            "C’est un choix de la personne qui gère le boîtier ; retirez l’option "
            "« plain-http-api » dès que ces programmes savent faire autrement."
        ),
        "/network",
        gettext("Voir le réseau"),
    )


def _model_issue(finding: Finding) -> Said:
    return _spoken(finding), "", "/status", gettext("Voir l’état")


def _embedder_down(finding: Finding) -> Said:
    return (
        gettext("Le modèle de vecteurs ne répond pas : %(why)s", why=_spoken(finding)),
        gettext("Au démarrage, attendez une minute. Si cela dure, lisez les journaux."),
        "/system",
        gettext("Lire les journaux"),
    )


def _ups_ending(_: Finding) -> Said:
    return (
        gettext(
            "L’onduleur est presque vide : le boîtier a arrêté de répondre pour ne rien perdre."
        ),
        gettext("Il reprend de lui-même quand le courant est revenu."),
        "/power",
        gettext("Voir l’onduleur"),
    )


def _ups_battery(_: Finding) -> Said:
    return (
        gettext("Le courant est coupé : le boîtier tient sur l’onduleur."),
        gettext(
            "Il finit les réponses commencées et n’en commence plus ; il reprend de lui-même quand "
            "le courant est revenu."
        ),
        "/power",
        gettext("Voir l’onduleur"),
    )


def _ups_silent(finding: Finding) -> Said:
    return (
        gettext("L’onduleur ne donne plus de nouvelles."),
        _spoken(finding),
        "/power",
        gettext("Voir l’onduleur"),
    )


def _ups_replace(_: Finding) -> Said:
    return (
        gettext("L’onduleur demande une batterie neuve."),
        gettext("Remplacez-la : à la prochaine coupure, le boîtier pourrait s’éteindre d’un coup."),
        "/power",
        gettext("Voir l’onduleur"),
    )


def _box_issue(finding: Finding) -> Said:
    return _spoken(finding), "", "/status", gettext("Voir l’état")


def _notice(finding: Finding) -> Said:
    return _spoken(finding), "", "/network", gettext("Voir le certificat")


def _discovery_unavailable(finding: Finding) -> Said:
    text = gettext("Les appareils du bureau ne trouvent pas le boîtier d’eux-mêmes.")
    return text, _spoken(finding), "/network", gettext("Voir le réseau")


def _discovery_off(_: Finding) -> Said:
    return (
        gettext("Le boîtier ne s’annonce pas sur le réseau, à votre demande."),
        gettext("On ne l’ouvre que par son adresse ; son nom en .local ne répond pas."),
        "/network",
        gettext("Voir le réseau"),
    )


def _unclaimed(_: Finding) -> Said:
    return (
        gettext("Ce boîtier n’est encore à personne."),
        gettext("Mettez-le à votre nom avec le code de son étiquette."),
        "/claim",
        gettext("Mettre en service"),
    )


def _factory_model(_: Finding) -> Said:
    return (
        gettext("C’est le modèle d’usine qui répond : une démonstration."),
        gettext("Installez un vrai modèle pour travailler."),
        "/models",
        gettext("Choisir un modèle"),
    )


def _invitations(finding: Finding) -> Said:
    return (
        gettext(
            "Invitations qui attendent une réponse : %(num)s.",
            num=decimal(finding.values["num"]),
        ),
        "",
        "/people",
        gettext("Voir les invitations"),
    )


def _alone(_: Finding) -> Said:
    return (
        gettext("Vous êtes la seule personne de ce boîtier."),
        gettext("Invitez vos collègues : chacun aura son compte et ses conversations."),
        "/people",
        gettext("Inviter quelqu’un"),
    )


_WORDS: dict[Code, Callable[[Finding], Said]] = {
    "engine_down": _engine_down,
    "box_down": _box_down,
    "disk_full": _disk_full,
    "disk_critical": _disk,
    "disk_low": _disk,
    "clock_unset": _clock_unset,
    "clock_back": _clock_back,
    "clock_ahead": _clock_ahead,
    "transfer": _transfer,
    "certificate_ended": _certificate_ended,
    "plain_http": _plain_http,
    "model_issue": _model_issue,
    "embedder_down": _embedder_down,
    "ups_ending": _ups_ending,
    "ups_battery": _ups_battery,
    "ups_silent": _ups_silent,
    "ups_replace": _ups_replace,
    "box_issue": _box_issue,
    "notice": _notice,
    "discovery_unavailable": _discovery_unavailable,
    "discovery_off": _discovery_off,
    "unclaimed": _unclaimed,
    "factory_model": _factory_model,
    **BACKUP_WORDS,
    **APPLIANCE_WORDS,
    "invitations": _invitations,
    "alone": _alone,
}
