# SPDX-License-Identifier: Apache-2.0
"""What restic's exit status and last words mean (restic manual, "Scripting", exit codes)."""

from atre.errors import BackupError, BackupProblem

_INCOMPLETE, _NO_REPOSITORY, _LOCKED, _WRONG_KEY = 3, 10, 11, 12
_FULL = ("no space left on device", "disk quota exceeded", "file too large")
_AWAY = (
    "read-only file system",
    "input/output error",
    "transport endpoint is not connected",
    "no such device",
    "connection refused",
    "connection reset",
    "unable to start the sftp session",
    "permission denied",
    # Of a server: what restic says once its ssh ended, and what ssh itself says.
    "ssh command exited",
    "connection lost",
    "connection timed out",
    "connection closed",
    "no route to host",
    "could not resolve hostname",
)
# ssh, where the server shows another key than the pinned one (sshconnect.c, of OpenSSH).
_OTHER_SERVER = ("host key verification failed", "remote host identification has changed")
_DAMAGED = ("ciphertext verification failed", "does not match", "damaged", "invalid data returned")


def is_fault_of_disk(said: str) -> bool:
    """Whether these words are those of a disk that is gone, full, or cannot be written."""
    low = said.lower()
    return any(each in low for each in (*_FULL, *_AWAY))


def error_for(status: int, said: str) -> BackupError:  # noqa: PLR0911 -- one status, one sentence
    """The error for a restic that ended so; ``said`` are its last words, in English."""
    low = said.lower()
    if status == _NO_REPOSITORY:
        return BackupError(
            "There are no backups of this box at that place. Check that the right disk is plugged "
            "in, or make a backup there first.",
            "Il n’y a pas de sauvegarde de ce boîtier à cet endroit. Vérifiez que le bon disque "
            "est branché, ou faites-y d’abord une sauvegarde.",
            problem=BackupProblem.EMPTY,
        )
    if status == _LOCKED:
        return BackupError(
            "Somebody else works on these backups now. Try again once that has ended.",
            "Quelqu’un d’autre travaille sur ces sauvegardes. Réessayez quand ce sera fini.",
            problem=BackupProblem.LOCKED,
        )
    if status == _WRONG_KEY:
        return BackupError(
            "This key does not open these backups. Try again with the key of the recovery sheet.",
            "Cette clé n’ouvre pas ces sauvegardes. Réessayez avec la clé de la feuille de "
            "récupération.",
            problem=BackupProblem.WRONG_KEY,
        )
    if status == _INCOMPLETE:
        return BackupError(
            f"A part of the box's data could not be read ({said}). This backup does not count; "
            "check the box's own disk.",
            f"Une partie des données du boîtier n’a pas pu être lue ({said}). Cette sauvegarde ne "
            "compte pas\u00a0; vérifiez le disque du boîtier.",
            problem=BackupProblem.DAMAGED,
        )
    if any(each in low for each in _FULL):
        return BackupError(
            "The disk of the backups is full. What was stored before is whole. Keep fewer backups, "
            "or use a larger disk.",
            "Le disque des sauvegardes est plein. Ce qui y était déjà est intact. Gardez moins de "
            "sauvegardes, ou prenez un disque plus grand.",
            problem=BackupProblem.FULL,
        )
    if any(each in low for each in (*_AWAY, *_OTHER_SERVER)):
        return _other_server() if any(each in low for each in _OTHER_SERVER) else _away(said)
    if any(each in low for each in _DAMAGED):
        return BackupError(
            f"These backups are damaged ({said}). Make a backup on another disk now, then replace "
            "this one.",
            f"Ces sauvegardes sont abîmées ({said}). Faites maintenant une sauvegarde sur un autre "
            "disque, puis remplacez celui-ci.",
            problem=BackupProblem.DAMAGED,
        )
    return BackupError(
        f"restic ended with status {status}: {said or 'it did not say why'}.",
        f"restic s’est arrêté avec le statut {status}\u00a0: {said or 'sans dire pourquoi'}.",
    )


def _away(said: str) -> BackupError:
    return BackupError(
        f"The place of the backups cannot be read or written ({said}). Plug the disk in again, "
        "or check the server; what was stored before stays.",
        f"L’endroit des sauvegardes ne peut être ni lu ni écrit ({said}). Rebranchez le disque "
        "ou vérifiez le serveur\u00a0; ce qui y était déjà reste.",
        problem=BackupProblem.TARGET_AWAY,
    )


def _other_server() -> BackupError:
    return BackupError(
        "The server of the backups shows another key than the one that was confirmed: it was set "
        "up anew, or somebody stands in between. Compare the fingerprint at the server, then "
        "remove that place and add it again; what was stored before stays.",
        "Le serveur des sauvegardes présente une autre clé que celle qui a été confirmée\u00a0: il "
        "a été réinstallé, ou quelqu’un s’interpose. Comparez l’empreinte sur le serveur, puis "
        "retirez cet endroit et ajoutez-le à nouveau\u00a0; ce qui y était déjà reste.",
        problem=BackupProblem.TARGET_AWAY,
    )
