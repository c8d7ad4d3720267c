# SPDX-License-Identifier: Apache-2.0
"""What ``atred`` is told of the claim: it announces a box that waits for an owner as such."""

import logging

from atre.choices import claim_note
from atre.choices.owner_mark import set_mark
from atre.config import Config
from atre.errors import AtreError, StorageError
from atre.ipc.client import ManagementClient

_log = logging.getLogger(__name__)


def keep(config: Config, *, is_claimed: bool, code: str | None = None) -> None:
    """Leave the mark that ``atred`` starts by, and the code for the screen. Raises StorageError."""
    try:
        set_mark(config.state_dir, waits=not is_claimed)
        claim_note.leave(config.runtime_dir, code)
    except OSError as error:
        raise StorageError(
            f"{config.state_dir} cannot be written ({error}). Free some disk space.",
            f"{config.state_dir} ne peut pas être écrit ({error}). Libérez de la place sur le "
            "disque.",
        ) from error


def tell(config: Config) -> None:
    """Say that the box has an owner now, to the ``atred`` of now and of later.

    A claim stands whatever becomes of the news: the next start sets the mark right.
    """
    try:
        keep(config, is_claimed=True)
        ManagementClient(config.management_socket).end_setup()
    except AtreError as error:
        _log.warning("The LAN is not told of the claim yet: %s", error)
