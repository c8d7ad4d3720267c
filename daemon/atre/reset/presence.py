# SPDX-License-Identifier: Apache-2.0
"""Proof that somebody stands before the box: a word that only they know, for a quarter of an hour.

The word comes from a stick on which they wrote it, or is shown on the box's own screen; both only
in the first ten minutes after a start of the machine. No clock that can be set has a say in it.
"""

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec.structs import replace

from atre.errors import ForbiddenError, InvalidRequestError, StorageError
from atre.ipc.appliance_messages import Presence, PresenceMeans
from atre.system.durable import write_durably

AFTER_START_S = 600.0
WINDOW_S = 900.0
MAX_TRIES = 5
MIN_WORD = 8
_MAX_WORD = 40
_FILE = "presence.json"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# As on the label: without letters that are read as digits.
_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"


class _Opened(msgspec.Struct, frozen=True, kw_only=True):
    """``opened_s`` counts from the start of the machine that ``boot_id`` names."""

    means: PresenceMeans
    salt: str
    digest: str
    boot_id: str
    opened_s: float
    tries: int = 0


@dataclass(frozen=True, slots=True)
class Uptime:
    """For how long this start of the machine has lasted."""

    seconds: float
    boot_id: str


def uptime() -> Uptime:
    """The time that it slept counts too (CLOCK_BOOTTIME, clock_gettime(2))."""
    try:
        boot_id = _BOOT_ID.read_text().strip()
    except OSError:
        boot_id = ""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return Uptime(time.clock_gettime(clock), boot_id)


def new_word() -> str:
    """Ten characters to read off a screen, 49 bits."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(10))


def open_window(state_dir: Path, means: PresenceMeans, word: str, now: Uptime) -> None:
    """Let this word count for a quarter of an hour, in place of any before.

    Raises ForbiddenError more than ten minutes after the start, InvalidRequestError for a word that
    others could guess, StorageError.
    """
    typed = _normal(word)
    if now.seconds > AFTER_START_S:
        raise ForbiddenError(
            "That counts only in the first ten minutes after a start of the box. Switch it off and "
            "on, and do it again.",
            "Cela ne compte que dans les dix minutes après un démarrage du boîtier. Éteignez-le, "
            "rallumez-le, et recommencez.",
        )
    if not MIN_WORD <= len(typed) <= _MAX_WORD or len(set(typed)) < MIN_WORD // 2:
        raise InvalidRequestError(
            f"Write a word of your own into the file: {MIN_WORD} to {_MAX_WORD} letters and digits "
            "on one line.",
            f"Écrivez dans le fichier un mot à vous : {MIN_WORD} à {_MAX_WORD} lettres et chiffres "
            "sur une ligne.",
        )
    salt = secrets.token_hex(16)
    opened = _Opened(
        means=means,
        salt=salt,
        digest=_digest(salt, typed),
        boot_id=now.boot_id,
        opened_s=now.seconds,
    )
    _write(state_dir, opened)


def state(state_dir: Path, now: Uptime, clock_s: float) -> Presence | None:
    """Whether a word counts now; ``clock_s`` is Unix time, for the end that is shown."""
    opened = _read(state_dir, now)
    if opened is None:
        return None
    left_s = opened.opened_s + WINDOW_S - now.seconds
    return Presence(means=opened.means, ends_at=clock_s + left_s)


def use(state_dir: Path, word: str, now: Uptime) -> PresenceMeans:
    """Spend the word. Raises ForbiddenError for a wrong one, which counts, and StorageError."""
    opened = _read(state_dir, now)
    if opened is None:
        raise ForbiddenError(
            "Nobody proved to stand before the box, or it was too long ago. Start again with the "
            "stick, or at the box's screen.",
            "Personne n’a montré qu’il était devant le boîtier, ou c’est trop ancien. Recommencez "
            "avec la clé USB, ou à l’écran du boîtier.",
        )
    # Written before the answer: a power cut gives no try back.
    _write(state_dir, replace(opened, tries=opened.tries + 1))
    if not hmac.compare_digest(opened.digest, _digest(opened.salt, _normal(word))):
        raise ForbiddenError(
            "This is not the word from the stick or the screen.",
            "Ce n’est pas le mot de la clé USB ou de l’écran.",
        )
    (state_dir / _FILE).unlink(missing_ok=True)
    return opened.means


def _read(state_dir: Path, now: Uptime) -> _Opened | None:
    try:
        opened = msgspec.json.decode((state_dir / _FILE).read_bytes(), type=_Opened)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    is_open = (
        opened.boot_id == now.boot_id
        and 0 <= now.seconds - opened.opened_s < WINDOW_S
        and opened.tries < MAX_TRIES
    )
    return opened if is_open else None


def _write(state_dir: Path, opened: _Opened) -> None:
    try:
        write_durably(state_dir / _FILE, msgspec.json.encode(opened))
    except OSError as error:
        raise StorageError(
            f"This cannot be written ({error}). Free some disk space.",
            f"Cela ne peut pas être écrit ({error}). Libérez de la place sur le disque.",
        ) from error


def _normal(word: str) -> str:
    return "".join(char for char in word.casefold() if char.isalnum())


def _digest(salt: str, word: str) -> str:
    return hashlib.scrypt(word.encode(), salt=bytes.fromhex(salt), n=2**14, r=8, p=1).hex()
