# SPDX-License-Identifier: Apache-2.0
"""What people type as names, made comparable and safe to show."""

import unicodedata

MAX_NAME_CHARS = 64


def cleaned_name(text: str) -> str | None:
    """A name as it will be shown (NFC, single spaces), or None if it cannot be one."""
    composed = unicodedata.normalize("NFC", text[: 4 * MAX_NAME_CHARS].strip())
    spaced = "".join(" " if unicodedata.category(char) == "Zs" else char for char in composed)
    name = " ".join(word for word in spaced.split(" ") if word)
    # isprintable also refuses the bidi controls that make a name read as another.
    return name if 0 < len(name) <= MAX_NAME_CHARS and name.isprintable() else None


def folded(text: str) -> str:
    """What two spellings of one name have in common: NFKC, no case (Unicode §3.13, D146)."""
    once = unicodedata.normalize("NFKC", text.strip()[: 4 * MAX_NAME_CHARS]).casefold()
    return unicodedata.normalize("NFKC", once)


def cleaned_login(text: str) -> str | None:
    """A login name as it is stored, or None if it cannot be one."""
    login = folded(text)
    is_one = 0 < len(login) <= MAX_NAME_CHARS and login.isprintable() and " " not in login
    return login if is_one else None
