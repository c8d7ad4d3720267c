# SPDX-License-Identifier: Apache-2.0
import re

_FORM = re.compile(r"(\d{1,6})\.(\d{1,6})\.(\d{1,6})(?:[-+.~].*)?")


def version_key(text: str) -> tuple[int, int, int]:
    """What orders versions ``MAJOR.MINOR.PATCH``; what follows them says nothing of the order.

    Raises ValueError for anything else.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no version: three numbers with dots between them")
    return int(found[1]), int(found[2]), int(found[3])
