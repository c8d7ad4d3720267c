# SPDX-License-Identifier: Apache-2.0
"""Why a file cannot go with a question, in the reader's language."""

from atre_web.chat.attachment import MAX_BYTES, MAX_FILES, AttachmentError
from atre_web.chat.attachment_limit import OVER_LIMIT
from atre_web.panel.wording import gettext


def file_problem(error: AttachmentError) -> str:
    """The error in the reader's language."""
    if error.code == "file_long":
        return gettext(
            "« %(name)s » dépasse %(kib)s Kio. Joignez la partie qui compte.",
            name=error.name,
            kib=MAX_BYTES // 1024,
        )
    if error.code == "file_binary":
        return gettext(
            "« %(name)s » n’est pas un fichier texte. Enregistrez-le en texte (.txt, .csv, .md) "
            "et joignez celui-là.",
            name=error.name,
        )
    if error.code == "file_empty":
        return gettext("« %(name)s » ne contient aucun texte.", name=error.name)
    if error.code == OVER_LIMIT:
        return gettext(
            "Les fichiers joints ont atteint la place que le boîtier leur donne. Supprimez des "
            "conversations qui ont des fichiers, ou demandez plus de place à la personne qui gère "
            "le boîtier."
        )
    return gettext("Une question prend au plus %(most)s fichiers.", most=MAX_FILES)
