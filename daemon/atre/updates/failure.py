# SPDX-License-Identifier: Apache-2.0
"""What RAUC refuses, said to a person."""

import re

from atre.errors import UpdateError, UpdateProblem
from atre.sentence import Sentence

ABSENT = Sentence(
    "This box cannot update itself: it is not the ready-made system with two slots (RAUC does not "
    "answer). Update Âtre the way it was installed.",
    "Ce boîtier ne peut pas se mettre à jour lui-même\N{NO-BREAK SPACE}: ce n’est pas le système "
    "prêt à l’emploi à deux emplacements (RAUC ne répond pas). Mettez Âtre à jour comme il a été "
    "installé.",
)
_SIGNATURE = Sentence(
    "The update is not signed by the maker of this box, so nothing was installed. Get it again "
    "from your reseller.",
    "La mise à jour n’est pas signée par le fabricant de ce boîtier\N{NO-BREAK SPACE}: rien n’a "
    "été installé. Redemandez-la à votre revendeur.",
)
_DAMAGED = Sentence(
    "The update is damaged or was cut short, so nothing was installed. Copy it again.",
    "La mise à jour est abîmée ou tronquée\N{NO-BREAK SPACE}: rien n’a été installé. Copiez-la de "
    "nouveau.",
)
_COMPATIBLE = Sentence(
    "This update is for another kind of box, so nothing was installed. Ask your reseller for the "
    "one of this box.",
    "Cette mise à jour est pour un autre type de boîtier\N{NO-BREAK SPACE}: rien n’a été installé. "
    "Demandez celle de ce boîtier à votre revendeur.",
)
_UNCONFIRMED = Sentence(
    "The running version is still on trial, and the other slot holds the last good one. Wait until "
    "it is kept, or go back first.",
    "La version qui tourne est encore à l’essai, et l’autre emplacement contient la dernière bonne."
    " Attendez qu’elle soit gardée, ou revenez d’abord en arrière.",
)
_NO_ROOM = Sentence(
    "The update does not fit in the box's slot, so the running system stays. Ask your reseller for "
    "one that does.",
    "La mise à jour ne tient pas dans l’emplacement du boîtier\N{NO-BREAK SPACE}: le système actuel"
    " reste. Demandez-en une autre à votre revendeur.",
)
_NO_FILE = Sentence(
    "There is no update at that place. Plug the stick in again, or give the file again.",
    "Il n’y a pas de mise à jour à cet endroit. Rebranchez la clé, ou donnez de nouveau le "
    "fichier.",
)
_NO_VERITY = Sentence(
    "This system cannot check an update while it is written (the kernel has no dm-verity), so "
    "nothing was installed. Start the box's own system.",
    "Ce système ne sait pas vérifier une mise à jour pendant son écriture (le noyau n’a pas "
    "dm-verity)\N{NO-BREAK SPACE}: rien n’a été installé. Démarrez le système du boîtier.",
)
_BUSY = Sentence(
    "An update is being written already. Wait for it.",
    "Une mise à jour est déjà en cours d’écriture. Attendez sa fin.",
)

_UNREADABLE = Sentence(
    "This is no whole update that the maker of this box signed, so nothing was installed. Copy it "
    "again, or get it again from your reseller.",
    "Ce n’est pas une mise à jour entière et signée par le fabricant de ce boîtier"
    "\N{NO-BREAK SPACE}: rien n’a été installé. Copiez-la de nouveau, ou redemandez-la à votre "
    "revendeur.",
)

_CUT_SHORT = "signature size|signature offset|squashfs|identifier|seek to end|exceeds bundle size"
# Words of RAUC 1.8 to 1.15: src/signature.c, bundle.c, install.c, update_handler.c, and the
# kernel's own. The first that is found counts.
_KNOWN = (
    (r"dm-?verity|device.mapper|/dev/mapper", _NO_VERITY, UpdateProblem.OTHER),
    (r"rauc info error", _UNREADABLE, UpdateProblem.SIGNATURE),  # all that 1.8 says of any
    (r"compatible", _COMPATIBLE, UpdateProblem.COMPATIBLE),
    (r"last good one|atre-boot-choice", _UNCONFIRMED, UpdateProblem.UNCONFIRMED),
    (_CUT_SHORT, _DAMAGED, UpdateProblem.DAMAGED),
    (r"signature verification failed|unable to get local issuer|verify error|self.signed|expired",
     _SIGNATURE, UpdateProblem.SIGNATURE),
    (r"No such file|does not exist|Failed to open", _NO_FILE, UpdateProblem.NO_BUNDLE),
    (r"too (small|large)|No space left|larger than|exceeds", _NO_ROOM, UpdateProblem.NO_ROOM),
    # The image's own handler, which reads the bundle once to its end.
    (r"pre-install handler", _DAMAGED, UpdateProblem.DAMAGED),
    (r"digest|checksum|mismatch|short read|Input/output", _DAMAGED, UpdateProblem.DAMAGED),
    (r"Already processing|busy", _BUSY, UpdateProblem.BUSY),
)  # fmt: skip


def absent() -> UpdateError:
    """There is no service that writes slots."""
    return UpdateError(ABSENT.text, ABSENT.text_fr, problem=UpdateProblem.ABSENT)


def said(words: str) -> UpdateError:
    """The error for RAUC's own words, its LastError."""
    for pattern, sentence, problem in _KNOWN:
        if re.search(pattern, words, re.IGNORECASE):
            return UpdateError(sentence.text, sentence.text_fr, problem=problem)
    reason = words.strip() or "RAUC"
    return UpdateError(
        f"The update could not be written ({reason}). The running system stays; try again, and "
        "send the support file if it happens again.",
        f"La mise à jour n’a pas pu être écrite ({reason}). Le système actuel "
        "reste\N{NO-BREAK SPACE}; réessayez, et envoyez le fichier d’assistance si cela se "
        "reproduit.",
    )
