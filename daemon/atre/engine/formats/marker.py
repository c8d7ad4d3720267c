# SPDX-License-Identifier: Apache-2.0
from collections.abc import Collection


def split_at_marker(text: str, markers: Collection[str]) -> tuple[str, str | None, str]:
    """What comes before the first marker, the marker, and what comes after it.

    Where there is none yet, the end of the text that may be the start of one comes last.
    """
    found = [(place, marker) for marker in markers if (place := text.find(marker)) >= 0]
    if found:
        place, marker = min(found)
        return text[:place], marker, text[place + len(marker) :]
    cut = len(text) - max((_overlap(text, marker) for marker in markers), default=0)
    return text[:cut], None, text[cut:]


def _overlap(text: str, marker: str) -> int:
    """Length of the longest end of ``text`` that is a proper start of ``marker``."""
    longest = min(len(text), len(marker) - 1)
    return next((n for n in range(longest, 0, -1) if text.endswith(marker[:n])), 0)
