# SPDX-License-Identifier: Apache-2.0
"""The two names a box gives itself once and keeps: its id and its host name."""

import logging
import re
import secrets
from pathlib import Path

from atre.choices.unit_file import given_name
from atre.discovery.service import check_host_label
from atre.errors import ConfigError
from atre.system.durable import write_durably

_BOX_ID = re.compile(r"[0-9a-f]{8}")

_log = logging.getLogger(__name__)


def load_box_id(state_dir: Path) -> str:
    """The box's id, 8 hex digits, made at first use and kept in ``state/box-id``."""
    path = state_dir / "box-id"
    kept = _read(path)
    if kept is not None and _BOX_ID.fullmatch(kept):
        return kept
    box_id = secrets.token_hex(4)
    _keep(path, box_id)
    return box_id


def load_host_label(state_dir: Path, box_id: str) -> str:
    """The host name without ``.local``, from ``state/host-name``.

    At first use it is the one on the label, or ``atre-`` and four hex digits where there is none.

    What is kept there may have been renamed after a conflict, or chosen by hand; text that is no
    host name is replaced.
    """
    path = state_dir / "host-name"
    kept = _read(path)
    if kept is not None:
        try:
            check_host_label(kept)
        except ConfigError as error:
            _log.warning("%s: %s A new name is made.", path, error)
        else:
            return kept
    label = given_name(state_dir.parent) or f"atre-{box_id[:4]}"
    _keep(path, label)
    return label


def keep_host_label(state_dir: Path, label: str) -> None:
    """Remember the name that a conflict left us, so that it stays the same after a restart."""
    _keep(state_dir / "host-name", label)


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None


def _keep(path: Path, text: str) -> None:
    # A name that cannot be kept is still a name: the box is found today, under another one later.
    try:
        write_durably(path, f"{text}\n".encode())
    except OSError as error:
        _log.warning("%s cannot be written (%s); the name will change at restart.", path, error)
