# SPDX-License-Identifier: Apache-2.0
"""What goes wrong with accounts, and what roles and scopes are called, in the reader's language."""

from atre_web.accounts.passwords import MIN_CHARS
from atre_web.accounts.principal import Role, Scope
from atre_web.accounts.problem import AccountError, Code
from atre_web.accounts.written import MAX_NAME_CHARS
from atre_web.panel.wording import gettext, ngettext


def sentence(error: AccountError) -> str:
    """The error in the reader's language."""
    return _sentences()[error.code]


def too_many_tries(wait_s: int) -> str:
    """What somebody reads who must wait."""
    return ngettext(
        "Trop d’essais. Attendez une seconde avant de réessayer.",
        "Trop d’essais. Attendez %(seconds)s secondes avant de réessayer.",
        wait_s,
        seconds=wait_s,
    )


def roles() -> dict[Role, str]:
    """Every role's name, the least first."""
    return {
        "guest": gettext("Invité"),
        "member": gettext("Membre"),
        "manager": gettext("Gestionnaire"),
    }


def scopes() -> dict[Scope, str]:
    """What a key may be for."""
    return {
        "chat": gettext("Discussion"),
        "embeddings": gettext("Vecteurs"),
        "models": gettext("Liste des modèles"),
        "metrics": gettext("Relevés pour Prometheus"),
        "admin": gettext("Administration du boîtier"),
    }


def _sentences() -> dict[Code, str]:
    return {
        "name": gettext(
            "Un nom a de 1 à %(most)s caractères, sans caractères invisibles.", most=MAX_NAME_CHARS
        ),
        "login": gettext(
            "Un identifiant a de 1 à %(most)s caractères, sans espace ; par exemple marie.roy.",
            most=MAX_NAME_CHARS,
        ),
        "login_taken": gettext("Cet identifiant est déjà pris. Choisissez-en un autre."),
        "password_short": gettext(
            "Un mot de passe a au moins %(least)s caractères. Quelques mots à la suite font "
            "l’affaire.",
            least=MIN_CHARS,
        ),
        "password_long": gettext("Ce mot de passe est trop long."),
        "key_name": gettext(
            "Donnez à la clé un nom de 1 à %(most)s caractères, par exemple celui du logiciel.",
            most=MAX_NAME_CHARS,
        ),
        "key_name_taken": gettext("Vous avez déjà une clé de ce nom. Choisissez-en un autre."),
        "key_scopes": gettext("Cochez au moins un usage que votre rôle permet."),
        "group_name": gettext(
            "Un groupe a un nom de 1 à %(most)s caractères.", most=MAX_NAME_CHARS
        ),
        "group_name_taken": gettext("Il y a déjà un groupe de ce nom."),
        "quota": gettext(
            "Une limite est un nombre entier : 0 jeton par jour ou plus, 1 demande à la fois ou "
            "plus. Laissez vide pour ne pas en fixer."
        ),
        "last_manager": gettext(
            "Il ne resterait personne pour gérer le boîtier. Nommez d’abord un autre gestionnaire."
        ),
        "gone": gettext("Cela n’existe plus sur ce boîtier."),
        "link": gettext(
            "Ce lien a déjà servi ou a expiré. Demandez-en un autre à la personne qui gère le "
            "boîtier."
        ),
        "recovery": gettext("L’identifiant ou le code de secours n’est pas le bon."),
        "code_mistyped": gettext(
            "Ce n’est pas un code de mise en service : il manque un caractère, ou l’un d’eux est "
            "mal recopié. Cet essai n’est pas compté."
        ),
        "code_wrong": gettext("Ce n’est pas le code de ce boîtier."),
        "claimed": gettext("Ce boîtier a déjà un propriétaire. Connectez-vous."),
        "off_link": gettext(
            "La mise en service se fait depuis le réseau du boîtier. Rejoignez son réseau ou son "
            "Wi-Fi, ou servez-vous de la machine elle-même."
        ),
        "window": gettext(
            "La mise en service est fermée : elle reste ouverte une heure après le démarrage. "
            "Redémarrez le boîtier."
        ),
    }
