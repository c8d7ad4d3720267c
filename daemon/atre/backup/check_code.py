# SPDX-License-Identifier: Apache-2.0
"""A long key as people print and type it: groups of five, each with its own check character.

Crockford's base 32 (https://www.crockford.com/base32.html), 28 characters of 5 bits in seven groups
of four. The fifth of a group is a check over GF(32): it changes with every single wrong character,
with two that were exchanged, and with the group's place, so that the group at fault is named.
"""

import secrets

from atre.errors import BackupError, BackupProblem

DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
NUM_GROUPS = 7
_DATA = 4
_POLYNOMIAL = 0b100101  # x^5 + x^2 + 1, primitive: the powers of x are 31 different elements
_LOOK_ALIKES = str.maketrans({"I": "1", "L": "1", "O": "0", "U": "V"})


def new_code() -> str:
    """A random key of 140 bits, in groups."""
    groups = []
    for number in range(NUM_GROUPS):
        data = "".join(secrets.choice(DIGITS) for _ in range(_DATA))
        groups.append(data + _check(data, number))
    return "-".join(groups)


def read_code(typed: str) -> str:
    """The key as it is printed, from however it was typed.

    Raises BackupError that says which group is wrong.
    """
    text = "".join(c for c in typed[:400].upper().translate(_LOOK_ALIKES) if c.isalnum())
    length = _DATA + 1
    groups = [text[i : i + length] for i in range(0, len(text), length)]
    for number, group in enumerate(groups[:NUM_GROUPS]):
        is_whole = len(group) == length and all(c in DIGITS for c in group)
        if not is_whole or group[-1] != _check(group[:-1], number):
            raise BackupError(
                f"Group {number + 1} of the key, {group!r}, holds a mistake. Compare it with the "
                "sheet.",
                f"Le groupe {number + 1} de la clé, «\u00a0{group}\u00a0», contient une erreur. "
                "Comparez-le avec la feuille.",
                problem=BackupProblem.SHEET_WRONG,
            )
    if len(groups) != NUM_GROUPS:
        raise BackupError(
            f"The key has {NUM_GROUPS} groups of five characters, and this is {len(groups)}.",
            f"La clé a {NUM_GROUPS} groupes de cinq caractères, et il y en a {len(groups)} ici.",
            problem=BackupProblem.SHEET_WRONG,
        )
    return "-".join(groups)


def is_code(typed: str) -> bool:
    """Whether it is a whole key of this kind, rather than a manager's password."""
    try:
        read_code(typed)
    except BackupError:
        return False
    return True


def _check(data: str, number: int) -> str:
    # Each place has its own factor, none of them 1, which is that of the check itself.
    total = _times_power(number + 1, _DATA + 1)
    for place, digit in enumerate(data):
        total ^= _times_power(DIGITS.index(digit), place + 1)
    return DIGITS[total]


def _times_power(value: int, power: int) -> int:
    """``value`` times x to the ``power`` in GF(32)."""
    for _ in range(power):
        value <<= 1
        if value & 0b100000:
            value ^= _POLYNOMIAL
    return value
