# SPDX-License-Identifier: Apache-2.0
"""What the box was delivered with, in ``factory/`` of the data directory: no reset touches it."""

from pathlib import Path

from atre.choices.unit_file import FOLDER
from atre.errors import InvalidRequestError
from atre.system.durable import write_durably

_SERIAL, _LABEL_CODE = "serial", "claim-code"
_MAX_SERIAL = 40
_BOX_ID = Path("state") / "box-id"


def serial(data_dir: Path) -> str:
    """What the label calls this box; one without a label goes by its own id."""
    found = _read(data_dir / FOLDER / _SERIAL)
    return found if is_serial(found) else _read(data_dir / _BOX_ID).upper() or "ATRE"


def check_typed(data_dir: Path, typed: str) -> None:
    """Raises InvalidRequestError unless ``typed`` is the serial, in letters of any size."""
    wanted = serial(data_dir)
    if typed.strip().casefold() != wanted.casefold():
        raise InvalidRequestError(
            f"To confirm, type the serial number of this box: {wanted}.",
            f"Pour confirmer, tapez le numéro de série de ce boîtier : {wanted}.",
            param="typed",
        )


def is_serial(text: str) -> bool:
    """Whether it can stand in a file's name on any stick."""
    allowed = text.replace("-", "").isalnum() and text.isascii()
    return 0 < len(text) <= _MAX_SERIAL and allowed


def keep_serial(data_dir: Path, text: str) -> None:
    """Raises OSError."""
    write_durably(data_dir / FOLDER / _SERIAL, f"{text}\n".encode())


def label_code(data_dir: Path) -> str | None:
    """The hash of the claim code on the label, None for a box without one."""
    return _read(data_dir / FOLDER / _LABEL_CODE) or None


def keep_label_code(data_dir: Path, stored: str) -> None:
    """Keep the hash of the code that goes onto the label. Raises OSError."""
    write_durably(data_dir / FOLDER / _LABEL_CODE, f"{stored}\n".encode())


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
