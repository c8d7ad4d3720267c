# SPDX-License-Identifier: Apache-2.0
"""The sentences that the scripts show, in the reader's language. ``{name}`` is filled in there."""

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
        "usage": gettext("{tokens} jetons · {seconds} s"),
        "you": gettext("Vous"),
        "assistant": gettext("Assistant"),
        "copy": gettext("Copier"),
        "copied": gettext("Copié"),
        "copy_code": gettext("Copier le code"),
        "regenerate": gettext("Régénérer"),
        "retry": gettext("Réessayer"),
        "image": gettext("image"),
        "source": gettext("Source :"),
        "see_pages": gettext("Dans l’aide :"),
        "no_text": gettext("Le modèle n’a rien répondu. Reformulez votre question."),
        "error_session": gettext(
            "Votre session a expiré. Rechargez la page et identifiez-vous de nouveau ; "
            "votre conversation est gardée dans cet onglet."
        ),
        "error_queue": gettext("Le boîtier est très occupé. Réessayez dans {seconds} secondes."),
        "error_busy": gettext("Le boîtier est très occupé. Réessayez dans un instant."),
        "error_too_long": gettext(
            "La conversation est trop longue pour ce modèle. Commencez une nouvelle conversation "
            "ou raccourcissez votre question."
        ),
        "error_engine": gettext(
            "Le moteur s’est arrêté et redémarre. Réessayez dans quelques secondes."
        ),
        "error_no_model": gettext(
            "Le modèle ne peut pas être chargé. La page « État » dit pourquoi."
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
