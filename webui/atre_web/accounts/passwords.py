# SPDX-License-Identifier: Apache-2.0
"""Passwords: their one rule, and their hashes (argon2id, RFC 9106)."""

import os
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from atre_web.accounts.problem import AccountError

# Length alone (NIST SP 800-63B §5.1.1.2: at least 8, no rules of composition). Ten, because here
# the password is the only factor, for which revision 4 wants more than 8; the box itself is reached
# from the LAN alone and slows guessing down.
MIN_CHARS = 10
_MAX_BYTES = 1024

# RFC 9106 §4's second choice of memory and passes, in one lane: 0.15 s on two 2-GHz-class cores,
# where the model wants the others.
_MEMORY_KIB = 64 * 1024
_PASSES = 3
_SALT_BYTES = 16
_HASH_BYTES = 32

# One at a time in each of the two web processes: at most 128 MiB, and a flood of guesses cannot
# take the processor from the model.
_turn = threading.Lock()


@contextmanager
def turn() -> Iterator[None]:
    """Hold this around the check of a throttle and the password after it, so that none slips by."""
    with _turn:
        yield


def checked(password: str) -> str:
    """The password in the one form that is hashed (NFKC). Raises AccountError for a bad length."""
    if len(password) > _MAX_BYTES or len(_bytes(password)) > _MAX_BYTES:
        raise AccountError(
            "password_long",
            f"A password has at most {_MAX_BYTES} bytes. Choose a shorter one.",
            param="password",
        )
    normal = unicodedata.normalize("NFKC", password)
    if len(normal) < MIN_CHARS:
        raise AccountError(
            "password_short",
            f"A password has at least {MIN_CHARS} characters; a few words do well.",
            param="password",
        )
    return normal


def hashed(secret: str) -> str:
    """The secret's hash in PHC form, with its own salt and parameters."""
    return _argon2(os.urandom(_SALT_BYTES)).derive_phc_encoded(_bytes(secret))


def is_right(secret: str, stored: str | None) -> bool:
    """Whether ``stored`` is the hash of this secret. None takes as long, and is never right."""
    if len(secret) > _MAX_BYTES:
        return False
    try:
        Argon2id.verify_phc_encoded(_bytes(secret), stored or _nobodys())
    except InvalidKey:
        return False
    return stored is not None


def is_password(password: str, stored: str | None) -> bool:
    """Whether ``stored`` is the hash of this password, in whichever Unicode form it was typed."""
    return is_right(unicodedata.normalize("NFKC", password[: _MAX_BYTES + 1]), stored)


def _argon2(salt: bytes) -> Argon2id:
    return Argon2id(
        salt=salt, length=_HASH_BYTES, iterations=_PASSES, lanes=1, memory_cost=_MEMORY_KIB
    )


def _nobodys() -> str:
    # Somebody who watches the clock must not learn which login names exist.
    salt = "AAAAAAAAAAAAAAAAAAAAAA"
    return f"$argon2id$v=19$m={_MEMORY_KIB},t={_PASSES},p=1${salt}${'A' * 43}"


def _bytes(secret: str) -> bytes:
    # "surrogatepass": a form may hold what is no UTF-8; it must be wrong, not raise.
    return secret.encode("utf-8", "surrogatepass")
