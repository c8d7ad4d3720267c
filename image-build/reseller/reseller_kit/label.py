# SPDX-License-Identifier: Apache-2.0
"""The label of a unit, in French and in English, as a PDF."""

import io
from collections.abc import Sequence
from typing import NamedTuple

import segno
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from reseller_kit.records import LabelFacts
from reseller_kit.sizes import Sheet, Size

# Fonts of every PDF reader (ISO 32000-1, 9.6.2.2): nothing is embedded.
_PLAIN, _BOLD, _CODE = "Helvetica", "Helvetica-Bold", "Courier-Bold"
_MARGIN = 2.0 * mm
_LEAST_POINTS = 4.5  # smaller print cannot be read
# ISO/IEC 18004: four modules of silence around the symbol, which the label's margin helps with.
_QUIET_MODULES = 2
_HTTPS, _HTTP = 443, 80
_CAPTIONS = ("Ouvrir · Open", "Confiance · Trust")


class Ports(NamedTuple):
    """Where the box listens on the LAN; the image has the usual ones."""

    https: int = _HTTPS
    http: int = _HTTP


class Links(NamedTuple):
    """Where the two QR codes lead."""

    panel: str
    trust: str

    @classmethod
    def of(cls, name: str, ports: Ports) -> "Links":
        https = "" if ports.https == _HTTPS else f":{ports.https}"
        http = "" if ports.http == _HTTP else f":{ports.http}"
        return cls(f"https://{name}.local{https}/", f"http://{name}.local{http}/trust")


def labels(
    units: Sequence[LabelFacts],
    size: Size,
    *,
    ports: Ports,
    sheet: Sheet | None = None,
    skip: int = 0,
) -> bytes:
    """One label a page, or many on a sheet whose first ``skip`` places are used up, as a PDF."""
    out = io.BytesIO()
    page = (sheet.width, sheet.height) if sheet else (size.width, size.height)
    # The same units give the same bytes: no date and no random id in the file.
    canvas = Canvas(out, pagesize=page, invariant=1)
    canvas.setTitle("Âtre")
    canvas.setSubject(", ".join(unit.serial for unit in units))
    for number, unit in enumerate(units):
        place = number + skip
        if sheet is None:
            x, y = 0.0, 0.0
        else:
            if number and place % sheet.num_places == 0:
                canvas.showPage()
            x, y = sheet.place(place % sheet.num_places)
        canvas.saveState()
        canvas.translate(x, y)
        _draw(canvas, unit, size, ports)
        canvas.restoreState()
        if sheet is None:
            canvas.showPage()
    if sheet is not None:
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def _draw(canvas: Canvas, unit: LabelFacts, size: Size, ports: Ports) -> None:
    links = Links.of(unit.name, ports)
    column = max(size.qr, *(stringWidth(text, _PLAIN, size.caption) for text in _CAPTIONS))
    left = size.width - _MARGIN - column
    middle = left + column / 2
    upper = size.height - _MARGIN - size.qr
    lower = _MARGIN + size.caption
    canvas.setFont(_PLAIN, size.caption)
    for url, caption, y in zip(links, _CAPTIONS, (upper, lower), strict=True):
        _qr(canvas, url, middle - size.qr / 2, y, size.qr)
        canvas.drawCentredString(middle, y - 0.75 * size.caption, caption)
    _words(canvas, unit, links, size, left - 2 * _MARGIN)


class _Line(NamedTuple):
    font: str
    points: float
    text: str
    above: float = 0.35  # room before it, in its own points


def _words(canvas: Canvas, unit: LabelFacts, links: Links, size: Size, width: float) -> None:
    small, big = size.caption, size.big
    lines = [
        _Line(_BOLD, big, "Âtre", 0.0),
        _Line(_PLAIN, small, "Adresse · Address", 0.5),
        _Line(_BOLD, size.text, links.panel.removesuffix("/")),
        _Line(_PLAIN, small, "Code de mise en service · Claim code", 0.7),
        _Line(_CODE, big, unit.code),
        _Line(_PLAIN, small, f"No de série · Serial no {unit.serial}".replace("No", "N°"), 0.7),
        *(
            _Line(_PLAIN, small, text, 0.35 if number else 0.9)
            for number, text in enumerate(size.advice)
        ),
    ]
    y = size.height - _MARGIN
    for line in lines:
        points = _fitting(line.text, line.font, line.points, width)
        y -= points * line.above + points * 0.8
        canvas.setFont(line.font, points)
        canvas.drawString(_MARGIN, y, line.text)
        y -= points * 0.2
    if y < 0:
        raise ValueError(f"{size.name}: the words of a label need {-y / mm:.1f} mm more")


def _fitting(text: str, font: str, points: float, width: float) -> float:
    """The size at which the text fits; it is never cut. Raises ValueError if none can be read."""
    fitting = min(points, points * width / stringWidth(text, font, points))
    if fitting < _LEAST_POINTS:
        raise ValueError(f"{text!r} is too long for this label; choose a larger one.")
    return fitting


def _qr(canvas: Canvas, url: str, x: float, y: float, side: float) -> None:
    rows = [list(row) for row in segno.make(url, error="m", micro=False).matrix]
    module = side / (len(rows) + 2 * _QUIET_MODULES)
    for top, row in enumerate(rows):
        bottom = y + side - (top + 1 + _QUIET_MODULES) * module
        for left, is_dark in enumerate(row):
            if is_dark:
                start = x + (left + _QUIET_MODULES) * module
                canvas.rect(start, bottom, module, module, stroke=0, fill=1)
