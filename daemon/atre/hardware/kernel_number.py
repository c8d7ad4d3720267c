# SPDX-License-Identifier: Apache-2.0
_LIMIT = 2**64  # no kernel counter is wider


def parse_kernel_number(text: str, base: int = 10) -> int:
    """A whole number, 0 or more, as kernel files print them; base 0 also takes ``0x…``.

    Raises ValueError for anything else, so that no later sum or quotient can overflow a float.
    """
    number = int(text, base)
    if not 0 <= number < _LIMIT:
        raise ValueError(f"{text[:40]!r} is not a 64-bit number")
    return number
