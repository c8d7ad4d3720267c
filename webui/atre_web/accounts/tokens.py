# SPDX-License-Identifier: Apache-2.0
import hashlib
import secrets

# 256 bits: guessing one is out of reach, so a fast hash without salt is enough to store.
_TOKEN_BYTES = 32
_ID_BYTES = 4


def new_token() -> str:
    """A fresh secret of 43 URL-safe characters."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def new_id() -> str:
    """A short public name for a row, eight hexadecimal digits."""
    return secrets.token_hex(_ID_BYTES)


def digest(token: str) -> bytes:
    """What is stored in place of a secret: its SHA-256."""
    # "surrogatepass": a header may hold bytes that are not UTF-8; they must hash, not raise.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
