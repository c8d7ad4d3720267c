# SPDX-License-Identifier: Apache-2.0
import logging
from pathlib import Path

from atre.backup.place import Place
from atre.backup.swap import finish
from atre.errors import ConfigError

_log = logging.getLogger(__name__)


def finish_restore(data_dir: Path) -> None:
    """Put what a restore staged in its place, before anything of it is opened.

    Raises ConfigError if the disk fails at it; the next start goes on.
    """
    try:
        phase = finish(Place(data_dir))
    except OSError as error:
        raise ConfigError(
            f"A restore could not be finished ({error}). Nothing is lost: check the disk, and "
            "start again to go on with it.",
            f"Une restauration n’a pas pu être terminée ({error}). Rien n’est perdu\u00a0: "
            "vérifiez le disque, et redémarrez pour continuer.",
        ) from error
    if phase is not None:
        _log.info("restore: %s", phase)
