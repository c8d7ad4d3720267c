# SPDX-License-Identifier: Apache-2.0
"""The image's partition "data", as its initrd left word of it at this start (90atre/atre-data).

A machine that only runs the service has neither the file nor the credential.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from atre.sentence import Sentence

_PROBLEM = Path("/run/atre-data-problem")
_KEY = "atre.disk-key"
_MAX_CHARS = 200

PROBLEMS = {
    "locked": Sentence(
        "The box cannot open its encrypted data: its security chip (TPM) is missing, off or "
        "another one. Nothing is lost. Switch the chip on in the firmware, or have your reseller "
        "open the data with the key on the recovery sheet. Until then the box starts empty.",
        "Le boîtier ne peut pas ouvrir ses données chiffrées\N{NO-BREAK SPACE}: sa puce de "
        "sécurité (TPM) est absente, éteinte ou remplacée. Rien n’est perdu. Rallumez la puce "
        "dans le micrologiciel, ou faites ouvrir les données par votre revendeur avec la clé de "
        "la feuille de récupération. D’ici là, le boîtier démarre vide.",
    ),
    "missing": Sentence(
        "The box found no place for its data on its disk, and starts empty. What is written now "
        "is gone with the next start. Have the disk checked.",
        "Le boîtier n’a pas trouvé de place pour ses données sur son disque, et démarre vide. Ce "
        "qui est écrit maintenant disparaît au prochain démarrage. Faites vérifier le disque.",
    ),
    "damaged": Sentence(
        "The box's data is damaged and could not be repaired. The box starts empty; what is "
        "written now is gone with the next start. Have the disk replaced, then restore a backup.",
        "Les données du boîtier sont abîmées et n’ont pas pu être réparées. Le boîtier démarre "
        "vide\N{NO-BREAK SPACE}; ce qui est écrit maintenant disparaît au prochain démarrage. "
        "Faites remplacer le disque, puis restaurez une sauvegarde.",
    ),
}


def data_problem(path: Path = _PROBLEM) -> Sentence | None:
    """Why the box runs without its data, None where it has it."""
    try:
        word = path.read_text("ascii", errors="replace")[:_MAX_CHARS].strip()
    except OSError:
        return None
    return PROBLEMS.get(word, PROBLEMS["damaged"])


def disk_key(environment: Mapping[str, str] = os.environ) -> str:
    """What opens the data on another machine, "" where it is not encrypted (systemd.exec(5))."""
    folder = environment.get("CREDENTIALS_DIRECTORY")
    if not folder:
        return ""
    try:
        return (Path(folder) / _KEY).read_text("ascii")[:_MAX_CHARS].strip()
    except (OSError, UnicodeDecodeError):
        return ""
