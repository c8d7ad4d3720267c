# SPDX-License-Identifier: Apache-2.0
import re

_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_FENCE = re.compile(r"^```.*$", re.MULTILINE)
_LINE_MARK = re.compile(r"^\s*(?:#+|[-*>]|\d+\.)\s+", re.MULTILINE)
_INLINE_MARK = re.compile(r"\*+|`")


def plain(markdown: str) -> str:
    """The words of our own Markdown without its marks; what is in code blocks stays."""
    text = _FENCE.sub("", _LINK.sub(r"\1", markdown))
    return _INLINE_MARK.sub("", _LINE_MARK.sub("", text)).strip()
