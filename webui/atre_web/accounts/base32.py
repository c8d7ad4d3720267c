# SPDX-License-Identifier: Apache-2.0
"""Codes that people read and type: Crockford's base 32 (https://www.crockford.com/base32.html)."""

import secrets

DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CHECK_SYMBOLS = DIGITS + "*~$=U"
_GROUP = 4
# I and L are read as 1, O as 0. U is in no code: it is typed for V.
_MEANT = str.maketrans({"I": "1", "L": "1", "O": "0", "U": "V"})


def random_digits(count: int) -> str:
    """That many digits, five bits each."""
    return "".join(secrets.choice(DIGITS) for _ in range(count))


def typed_digits(text: str) -> str:
    """What was meant by what was typed: any case, spaces and hyphens anywhere, look-alikes."""
    kept = "".join(text[:200].upper().split())
    return kept.replace("-", "").replace("–", "").translate(_MEANT)


def grouped(digits: str) -> str:
    """In groups of four, as printed."""
    return "-".join(digits[i : i + _GROUP] for i in range(0, len(digits), _GROUP))


def check_symbol(digits: str) -> str:
    """Crockford's check symbol: the number modulo 37, which any one wrong digit changes."""
    value = 0
    for digit in digits:
        value = value * len(DIGITS) + DIGITS.index(digit)
    return _CHECK_SYMBOLS[value % len(_CHECK_SYMBOLS)]
