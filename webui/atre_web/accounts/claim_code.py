# SPDX-License-Identifier: Apache-2.0
from atre_web.accounts.base32 import (
    DIGITS,
    check_symbol,
    grouped,
    random_digits,
    typed_digits,
)
from atre_web.accounts.problem import AccountError

_NUM_DIGITS = 12


def new_code() -> str:
    """Twelve random digits, 60 bits, whose check symbol is a digit too (which costs 0.2 bits)."""
    while True:
        digits = random_digits(_NUM_DIGITS)
        if check_symbol(digits) in DIGITS:
            return digits


def printed(digits: str) -> str:
    """As on the label: ``7F3A-K2M9-PQ4T-6``. The last character is the check symbol."""
    return f"{grouped(digits)}-{check_symbol(digits)}"


def read(text: str) -> str:
    """The twelve digits that were typed, with or without the check symbol after them.

    Raises AccountError for what no label says: a slip of the finger is no guess.
    """
    typed = typed_digits(text)
    digits, check = typed[:_NUM_DIGITS], typed[_NUM_DIGITS:]
    is_code = len(digits) == _NUM_DIGITS and set(digits) <= set(DIGITS)
    if not is_code or (check and check != check_symbol(digits)):
        raise AccountError(
            "code_mistyped",
            "This is not a claim code. It has twelve letters and digits in groups of four, and a "
            "last one that tells a slip of the finger.",
            param="code",
        )
    return digits
