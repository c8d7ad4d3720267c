# SPDX-License-Identifier: Apache-2.0
from urllib.parse import unquote


def resolve(root: object, pointer: str) -> object | None:
    """What a JSON pointer in a URI fragment leads to, None if nothing is there (RFC 6901)."""
    target = root
    for token in pointer.removeprefix("#").split("/")[1:]:
        name = unquote(token).replace("~1", "/").replace("~0", "~")
        if isinstance(target, dict):
            target = target.get(name)
        elif isinstance(target, list) and name.isdecimal() and int(name) < len(target):
            target = target[int(name)]
        else:
            return None
    return target
