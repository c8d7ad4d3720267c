# SPDX-License-Identifier: Apache-2.0
"""The sentences that the scripts show, in the reader's language. ``{name}`` is filled in there.

What is counted has a second sentence, ``…_one``, for what the language says in the singular.
"""

from atre_web.panel.wording import gettext


def chat_texts() -> dict[str, str]:
    """What the chat page's scripts say, by key."""
    return {
        "queued": gettext("File d’attente : vous êtes en position {position}"),
        "reading": gettext("Lecture de votre question {percent}"),
        "waking": gettext("Le modèle se réveille {percent}"),
        "starting": gettext("Votre question est envoyée…"),
        "reasoning": gettext("Réflexion"),
        "reasoning_started": gettext("Le modèle réfléchit."),
        "answer_started": gettext("La réponse commence."),
        "answer_ended": gettext("Réponse terminée."),
        "answer_stopped": gettext("Réponse arrêtée."),
        "answer_failed": gettext("La réponse a échoué."),
        "stopped": gettext("Arrêtée à votre demande."),
        "cut": gettext("Réponse coupée : la longueur maximale est atteinte."),
        "usage_one": gettext("{tokens} jeton · {seconds} s"),
        "usage": gettext("{tokens} jetons · {seconds} s"),
        "usage_short_one": gettext("{tokens} jeton · moins de {seconds} s"),
        "usage_short": gettext("{tokens} jetons · moins de {seconds} s"),
        "energy": gettext("{energy} ({basis}), soit {seconds} s d’un micro-ondes de 1 000 W"),
        "energy_small": gettext("{energy} ({basis}), moins de 0,1 s d’un micro-ondes de 1 000 W"),
        "energy_unknown": gettext("énergie —"),
        "basis_plug": gettext("prise"),
        "basis_counter": gettext("compteur"),
        "basis_sensor": gettext("capteur"),
        "basis_estimate": gettext("estimation"),
        "basis_unknown": gettext("origine inconnue"),
        "you": gettext("Vous"),
        "assistant": gettext("Assistant"),
        "copy": gettext("Copier"),
        "copied": gettext("Copié"),
        "copy_code": gettext("Copier le code"),
        "regenerate": gettext("Régénérer"),
        "retry": gettext("Réessayer"),
        "image": gettext("image"),
        "see_pages": gettext("Dans l’aide :"),
        "no_text": gettext("Le modèle n’a rien répondu. Reformulez votre question."),
        "error_session": gettext(
            "Votre session a expiré. Rechargez la page et identifiez-vous de nouveau ; "
            "votre conversation est gardée."
        ),
        "error_queue_one": gettext("Le boîtier est très occupé. Réessayez dans une seconde."),
        "error_queue": gettext("Le boîtier est très occupé. Réessayez dans {seconds} secondes."),
        "error_busy": gettext("Le boîtier est très occupé. Réessayez dans un instant."),
        "error_too_long": gettext(
            "La conversation fait {tokens} jetons avec ses fichiers ; ce modèle en lit {limit}. "
            "Rien n’a été coupé : commencez une nouvelle conversation, retirez un fichier ou "
            "raccourcissez votre question."
        ),
        "error_writing": gettext(
            "Une réponse s’écrit déjà dans cette conversation. Attendez-la, ou arrêtez-la."
        ),
        "error_question": gettext("La question est vide, ou bien trop longue."),
        "error_lost": gettext(
            "La connexion est coupée. La réponse continue sur le boîtier ; cette page la "
            "retrouvera."
        ),
        "error_file": gettext(
            "« {name} » n’a pas pu être lu : ce n’est pas un fichier texte, il est vide, ou il "
            "est trop long."
        ),
        "file_tokens_one": gettext("environ {tokens} jeton"),
        "file_tokens": gettext("environ {tokens} jetons"),
        "files_over": gettext(
            "Ces fichiers font environ {tokens} jetons ; le modèle en lit {limit}, questions et "
            "réponses comprises."
        ),
        "context": gettext(
            "Cette conversation occupe {percent} de ce que le modèle peut lire. Une fois plein, "
            "commencez-en une nouvelle."
        ),
        "remove": gettext("Retirer {name}"),
        "edit": gettext("Modifier"),
        "previous": gettext("Version précédente"),
        "next": gettext("Version suivante"),
        "version": gettext("Version {number} sur {count}"),
        "sources": gettext("Source"),
        "error_engine": gettext(
            "Le moteur s’est arrêté et redémarre. Réessayez dans quelques secondes."
        ),
        "error_no_model": gettext(
            "Le modèle ne peut pas être chargé. La page « État » dit pourquoi."
        ),
        "error_on_battery": gettext(
            "Le courant est coupé et le boîtier tient sur l’onduleur : il finit les réponses en "
            "cours et n’en commence pas d’autre. Réessayez quand le courant sera revenu."
        ),
        "error_battery_low": gettext(
            "Le courant est coupé et l’onduleur est presque vide : le boîtier s’arrête. Réessayez "
            "quand le courant sera revenu."
        ),
        "error_network": gettext(
            "La connexion avec le boîtier est coupée. Vérifiez le réseau, puis réessayez."
        ),
        "error_cut": gettext("La réponse a été interrompue. Réessayez."),
        "error_other": gettext("La demande a été refusée : {message}"),
    }


def suggestions() -> list[str]:
    """Questions to start with, which a factory model can answer too."""
    return [
        gettext("Que pouvez-vous faire ?"),
        gettext("Est-ce que mes données quittent le bureau ?"),
        gettext("Quels logiciels sont compatibles ?"),
        gettext("Comment créer une nouvelle clé pour Word ?"),
    ]
