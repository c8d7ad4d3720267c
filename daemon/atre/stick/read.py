# SPDX-License-Identifier: Apache-2.0
"""``atre-stick.service``: does what the copied files of a stick ask for, and removes them."""

import contextlib
import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click

from atre.config import default_runtime_dir
from atre.errors import AtreError, EngineUnavailableError, ForbiddenError
from atre.ipc.appliance_messages import FactoryReset, PresenceMeans
from atre.ipc.nudge import RESTART_BOX, nudge
from atre.provision.apply import apply_files
from atre.reset import factory, order, presence
from atre.reset.presence import Uptime
from atre.sentence import Sentence
from atre.stick import news, outgoing
from atre.stick.names import (
    COPIED,
    PROVISION,
    PROVISION_SIGNATURE,
    factory_reset,
    lost_password,
)

_log = logging.getLogger(__name__)

_WORD_TAKEN = Sentence(
    "The word on the stick counts for a quarter of an hour: open the box's page “Lost password”.",
    "Le mot de la clé USB compte pendant un quart d’heure : ouvrez la page « Mot de passe perdu » "
    "du boîtier.",
)
_RESETTING = Sentence(
    "The stick asked for a factory reset: the box starts anew and erases everything. Pull the "
    "stick out.",
    "La clé USB a demandé la remise à zéro : le boîtier redémarre et efface tout. Retirez la clé.",
)
_PROVISIONED = Sentence(
    "The box is set up as the stick says.", "Le boîtier est réglé comme le dit la clé USB."
)
_FOR_ANOTHER = Sentence(
    "The stick has a file for another box: its name must end with this box's serial number.",
    "La clé USB a un fichier pour un autre boîtier : son nom doit finir par le numéro de série de "
    "celui-ci.",
)


@click.command()
@click.option("--data-dir", type=click.Path(path_type=Path), required=True)
@click.option("--from", "folder", type=click.Path(path_type=Path), required=True)
def main(data_dir: Path, folder: Path) -> None:
    """Do what the files of a stick ask for."""
    logging.basicConfig(level=logging.INFO, format="atre-stick: %(message)s", stream=sys.stderr)
    runtime_dir = default_runtime_dir(data_dir)
    said = do_asked(
        data_dir, folder, presence.uptime(), restart=lambda: nudge(runtime_dir / RESTART_BOX)
    )
    if said:
        _log.info("%s", said.text)


def do_asked(
    data_dir: Path, folder: Path, now: Uptime, *, restart: Callable[[], None]
) -> Sentence | None:
    """Do it, remove the copies whatever comes of it, and say what came of it."""
    copies = {path.name.removesuffix(COPIED): path for path in folder.glob(f"*{COPIED}")}
    if not copies:
        return None
    try:
        files = {name: path.read_bytes() for name, path in copies.items()}
    finally:
        for path in copies.values():
            path.unlink()
    try:
        said, is_for_next_start = _do(data_dir, files, now)
        if PROVISION in files:
            # The stick that ordered a burn-in takes the report, as often as it is plugged in.
            outgoing.lay_out(data_dir, folder)
    except AtreError as error:
        said, is_for_next_start = error.sentence, False
    news.tell(data_dir / "state", news.StickNews(now.boot_id, said))
    if is_for_next_start:
        # A box that is not there takes it up when it starts.
        with contextlib.suppress(EngineUnavailableError):
            restart()
    return said


def _do(data_dir: Path, files: dict[str, bytes], now: Uptime) -> tuple[Sentence, bool]:
    """What came of it, and whether it counts from the next start of the box only."""
    serial = factory.serial(data_dir)
    if factory_reset(serial) in files:
        _order_reset(data_dir, now)
        return _RESETTING, True
    word = files.get(lost_password(serial))
    if word is not None:
        line = word.decode("utf-8-sig", "replace").strip().partition("\n")[0]
        presence.open_window(data_dir / "state", PresenceMeans.USB_STICK, line, now)
        return _WORD_TAKEN, False
    if PROVISION in files:
        # A stick that stays plugged in must not have the box start for ever.
        changed = apply_files(data_dir, files[PROVISION], files.get(PROVISION_SIGNATURE))
        return _PROVISIONED, changed
    return _FOR_ANOTHER, False


def _order_reset(data_dir: Path, now: Uptime) -> None:
    if now.seconds > presence.AFTER_START_S:
        raise ForbiddenError(
            "A stick resets the box only in the first ten minutes after a start. Switch it off and "
            "on with the stick in it.",
            "Une clé USB ne remet le boîtier à zéro que dans les dix minutes après un démarrage. "
            "Éteignez-le et rallumez-le avec la clé dedans.",
        )
    order.give(data_dir, FactoryReset(ordered_at=time.time(), by="USB"))


if __name__ == "__main__":
    main()
