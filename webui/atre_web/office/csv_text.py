# SPDX-License-Identifier: Apache-2.0
"""CSV that spreadsheets of any language open, and that nobody's name can turn into a formula."""

import csv
import io
from collections.abc import Iterable, Sequence

from flask import Response

# A cell that begins with one of these is a formula for Excel and LibreOffice, also after white
# space; see OWASP, "CSV Injection".
_FORMULA = frozenset("=+-@\t\r\n|%")


def csv_response(name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """A download. UTF-8 with BOM, so that Excel sees the accents; RFC 4180 otherwise."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
    writer.writerow(header)
    writer.writerows([cell(value) for value in row] for row in rows)
    response = Response(text.getvalue().encode("utf-8-sig"), content_type="text/csv; charset=utf-8")
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response


def cell(value: object) -> str:
    """One value as text: numbers with a point whatever the locale, formulas as plain words."""
    if value is None:
        return ""
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    text = str(value)
    return f"'{text}" if text.lstrip()[:1] in _FORMULA or text[:1] in _FORMULA else text
