# SPDX-License-Identifier: Apache-2.0
"""Each benchmark owns a part of a page, and leaves what people wrote around it."""

from pathlib import Path


def write_section(page: Path, name: str, text: str) -> None:
    """Put ``text`` between the marks of ``name``, at the end of the page where it has none.

    Raises ValueError for a page with half of the marks, and leaves it as it is.
    """
    begin, end = f"<!-- {name}: generated -->", f"<!-- {name}: end -->"
    before = page.read_text("utf-8") if page.exists() else ""
    section = f"{begin}\n{text.strip()}\n{end}\n"
    if begin not in before and end not in before:
        gap = "\n" if before else ""
        page.write_text(f"{before}{gap}{section}", "utf-8")
        return
    head, found_begin, rest = before.partition(f"{begin}\n")
    _, found_end, tail = rest.partition(f"{end}\n")
    if not (found_begin and found_end):
        raise ValueError(
            f"{page} has only one of the marks {begin} and {end}, or not in this order."
        )
    page.write_text(f"{head}{section}{tail}", "utf-8")
