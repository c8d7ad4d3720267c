# SPDX-License-Identifier: Apache-2.0
"""A factory reset: ordered now, carried out by the next start before anything is opened.

``reset/order.json`` is written before and removed after everything else, so that a start after a
power cut goes on wherever the last one was. What is erased is first renamed into ``reset/erased/``:
nothing of it is ever served again.
"""

import logging
import os
import secrets
import shutil
from pathlib import Path

import msgspec

from atre.choices.unit_file import FOLDER
from atre.errors import ConfigError
from atre.ipc.appliance_messages import FactoryReset
from atre.system.durable import write_durably

_log = logging.getLogger(__name__)

_RESET, _ORDER, _ERASED = "reset", "order.json", "erased"
# The lock is held by whoever carries it out; ext4 keeps lost+found for itself.
_KEPT = {FOLDER, _RESET, "lock", "lost+found"}


def read(data_dir: Path) -> FactoryReset | None:
    """What was ordered. An order that cannot be read is one: it was never there by accident."""
    path = data_dir / _RESET / _ORDER
    try:
        return msgspec.json.decode(path.read_bytes(), type=FactoryReset)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return FactoryReset(ordered_at=0.0, by="")
    except OSError:
        return None


def give(data_dir: Path, order: FactoryReset) -> None:
    """Have everything erased at the next start. Raises OSError."""
    write_durably(data_dir / _RESET / _ORDER, msgspec.json.encode(order))


def take_back(data_dir: Path) -> None:
    """Raises OSError."""
    (data_dir / _RESET / _ORDER).unlink(missing_ok=True)
    if (data_dir / _RESET).is_dir():
        _sync(data_dir / _RESET)


def finish(data_dir: Path) -> bool:
    """Carry out what was ordered, if anything was; whether it was.

    Raises ConfigError if the disk fails at it; the next start goes on.
    """
    if read(data_dir) is None:
        return False
    try:
        _erase(data_dir)
        take_back(data_dir)
    except OSError as error:
        raise ConfigError(
            f"The factory reset could not be finished ({error}). Check the disk, and start again "
            "to go on with it.",
            f"La remise à zéro n’a pas pu être terminée ({error}). Vérifiez le disque, et "
            "redémarrez pour continuer.",
        ) from error
    _log.info("factory reset: done")
    return True


def _erase(data_dir: Path) -> None:
    erased = data_dir / _RESET / _ERASED
    erased.mkdir(mode=0o700, exist_ok=True)
    for entry in sorted(data_dir.iterdir()):
        if entry.name not in _KEPT:
            # Under a name of its own: a start that was cut made new folders of the same names.
            entry.rename(erased / f"{secrets.token_hex(4)}-{entry.name}")
    _sync(data_dir)
    _sync(erased)
    shutil.rmtree(erased)
    _sync(data_dir / _RESET)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
