# SPDX-License-Identifier: Apache-2.0
"""What went wrong with a model, in the reader's language."""

from atre.errors import ModelProblem
from atre_web.panel.wording import gettext


def problem_words(problem: str, model: str) -> str:
    """A sentence that says what to do; of a problem that this version does not know, little."""
    sentences = _about_models(model) | _about_files() | _about_the_hub()
    return sentences.get(
        problem, gettext("Cela n’a pas abouti. Réessayez ; le journal du boîtier dit pourquoi.")
    )


def _about_models(model: str) -> dict[str, str]:
    return {
        ModelProblem.ADAPTER_ONLY: gettext(
            "Un adaptateur ne répond pas seul. Choisissez le modèle auquel il appartient."
        ),
        ModelProblem.BUSY: gettext(
            "Le boîtier s’occupe déjà d’un modèle. Attendez la fin, ou annulez."
        ),
        ModelProblem.CHANGING: gettext(
            "Le boîtier est en train de changer de modèle. Attendez la fin, puis recommencez."
        ),
        ModelProblem.FIXED: gettext(
            "Le boîtier a été démarré avec l’option --model, qui décide du modèle. Redémarrez-le "
            "sans elle pour choisir ici."
        ),
        ModelProblem.IN_USE: gettext(
            "%(model)s est le modèle en service. Utilisez-en d’abord un autre.", model=model
        ),
        ModelProblem.NEEDED: gettext(
            "Un adaptateur dépend de %(model)s. Retirez d’abord l’adaptateur.", model=model
        ),
        ModelProblem.NO_JOB: gettext("Rien n’est en cours."),
        ModelProblem.JOB_LOST: gettext(
            "Le travail s’est arrêté avant la fin. Ce qui est arrivé est gardé : recommencez."
        ),
        ModelProblem.TAKEN: gettext(
            "Un modèle nommé %(model)s est déjà installé. Vérifiez-le, ou retirez-le d’abord.",
            model=model,
        ),
        ModelProblem.UNKNOWN: gettext(
            "Aucun modèle de ce nom n’est installé ni au catalogue. Rechargez la page."
        ),
        ModelProblem.BAD_NAME: gettext(
            "Ce nom ne convient pas : lettres minuscules, chiffres, points et tirets seulement."
        ),
    }


def _about_files() -> dict[str, str]:
    return {
        ModelProblem.DAMAGED: gettext(
            "Le fichier a changé sur le disque. Retirez ce modèle et téléchargez-le de nouveau ; "
            "si cela se répète, le disque est peut-être usé."
        ),
        ModelProblem.DISK_FAILED: gettext(
            "Le disque n’a pas pu être écrit ou lu. Vérifiez-le ; les autres modèles sont intacts."
        ),
        ModelProblem.DISK_FULL: gettext(
            "Il n’y a pas assez de place sur le disque. Retirez un modèle qui ne sert plus, puis "
            "recommencez."
        ),
        ModelProblem.OVER_LIMIT: gettext(
            "Les modèles passeraient la limite fixée avec `atre space`. Retirez un modèle qui ne "
            "sert plus, ou changez la limite."
        ),
        ModelProblem.OUTSIDE: gettext(
            "On n’importe que depuis un support branché, ou depuis le dossier d’import du boîtier."
        ),
        ModelProblem.PATH_UNKNOWN: gettext(
            "Ce fichier n’est plus là, ou il lui manque des parties. Rebranchez le support et "
            "rechargez la page."
        ),
        ModelProblem.UNUSABLE: gettext(
            "Ce fichier n’est pas un modèle que le boîtier comprend, ou il est abîmé. Rien n’a été "
            "installé."
        ),
        ModelProblem.WRONG_DIGEST: gettext(
            "Ce qui est arrivé n’est pas le fichier annoncé, et a été jeté. Recommencez ; si cela "
            "se répète, quelque chose modifie les téléchargements en chemin."
        ),
    }


def _about_the_hub() -> dict[str, str]:
    return {
        ModelProblem.OFFLINE: gettext(
            "Internet est hors d’atteinte. Vérifiez la connexion et recommencez : ce qui est "
            "arrivé est gardé. Sans internet, importez le modèle depuis une clé USB."
        ),
        ModelProblem.INTERRUPTED: gettext(
            "La connexion a été coupée trop souvent. Recommencez plus tard : ce qui est arrivé est "
            "gardé."
        ),
        ModelProblem.GATED: gettext(
            "Son éditeur ne donne ce modèle qu’aux personnes qui ont accepté sa licence sur "
            "huggingface.co. Choisissez-en un autre, ou importez le fichier."
        ),
        ModelProblem.NOT_ON_HUB: gettext("Ce modèle n’est plus à son adresse sur huggingface.co."),
        ModelProblem.HUB_REFUSED: gettext(
            "huggingface.co refuse de donner ce fichier. Recommencez plus tard."
        ),
    }
