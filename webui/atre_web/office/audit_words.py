# SPDX-License-Identifier: Apache-2.0
from atre_web.panel.wording import gettext


def action_name(action: str) -> str:
    """What an action of the audit is called; its code where it has no name."""
    return _names().get(action, action)


def _names() -> dict[str, str]:
    return {
        "session.open": gettext("S’est connecté"),
        "session.refused": gettext("Connexion refusée"),
        "session.end": gettext("A fermé une session"),
        "claim.taken": gettext("A mis le boîtier à son nom"),
        "claim.refused": gettext("Code de mise en service refusé"),
        "claim.new": gettext("Nouveau code de mise en service"),
        "claim.open": gettext("Mise en service rouverte"),
        "claim.transfer": gettext("Transfert du boîtier préparé"),
        "claim.withdraw": gettext("Transfert du boîtier annulé"),
        "invitation.create": gettext("A invité"),
        "invitation.revoke": gettext("A annulé une invitation"),
        "invitation.accept": gettext("A accepté une invitation"),
        "person.change": gettext("A modifié une personne"),
        "person.disable": gettext("A fermé un compte"),
        "person.enable": gettext("A rouvert un compte"),
        "person.delete": gettext("A supprimé une personne"),
        "password.change": gettext("A changé son mot de passe"),
        "password.link": gettext("A créé un lien de mot de passe"),
        "password.reset": gettext("A choisi un nouveau mot de passe"),
        "password.recovered": gettext("Est revenu par un code de secours"),
        "recovery.renew": gettext("A renouvelé ses codes de secours"),
        "recovery.refused": gettext("Code de secours refusé"),
        "key.create": gettext("A créé une clé"),
        "key.revoke": gettext("A révoqué une clé"),
        "group.create": gettext("A créé un groupe"),
        "group.rename": gettext("A renommé un groupe"),
        "group.delete": gettext("A supprimé un groupe"),
        "settings.change": gettext("A changé les réglages"),
        "sleep.change": gettext("A changé la veille du modèle"),
        "sleep.reset": gettext("A rendu la veille aux options du démarrage"),
        "retention.apply": gettext("Vieilles conversations supprimées d’office"),
        "discovery.on": gettext("A annoncé le boîtier sur le réseau"),
        "discovery.off": gettext("A cessé d’annoncer le boîtier"),
        "certificate.import": gettext("A importé un certificat"),
        "certificate.reset": gettext("Est revenu au certificat du boîtier"),
        "certificate.authority": gettext("A refait l’autorité du boîtier"),
        "power.settings": gettext("A changé les réglages de l’électricité"),
        "power.eco": gettext("A changé le mode éco"),
        "power.forget-calibration": gettext("A oublié l’étalonnage de l’électricité"),
        "engine.restart": gettext("A redémarré le moteur"),
        "support.bundle": gettext("A téléchargé le fichier d’assistance"),
    }
