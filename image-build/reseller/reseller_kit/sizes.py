# SPDX-License-Identifier: Apache-2.0
"""Labels and sheets that shops sell. Lengths in points, 1/72 inch."""

from dataclasses import dataclass

from reportlab.lib.pagesizes import A4, LETTER
from reportlab.lib.units import mm

_ADVICE = (
    "Branchez, attendez une minute, ouvrez l’adresse.",
    "Plug in, wait a minute, open the address.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """A label. ``qr`` is a QR code's side; ``big``, ``text`` and ``caption`` are sizes of print."""

    name: str
    width: float
    height: float
    qr: float
    big: float
    text: float
    caption: float
    advice: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A page of labels of one size, ``columns`` by ``rows``, from the top left."""

    name: str
    label: str
    width: float
    height: float
    columns: int
    rows: int
    left: float
    top: float
    step_x: float
    step_y: float
    label_height: float

    @property
    def num_places(self) -> int:
        return self.columns * self.rows

    def place(self, number: int) -> tuple[float, float]:
        """The lower left corner of a place."""
        row, column = divmod(number, self.columns)
        x = self.left + column * self.step_x
        y = self.height - self.top - row * self.step_y - self.label_height
        return x, y


SIZES = {
    size.name: size
    for size in (
        # The roll of a Brother DK-11209 or Dymo 99012 class printer.
        Size(
            name="62x29", width=62 * mm, height=29 * mm, qr=10.8 * mm, big=9, text=6.5, caption=5
        ),
        Size(
            name="89x36", width=89 * mm, height=36 * mm, qr=14 * mm, big=13, text=9, caption=5.6,
            advice=_ADVICE,
        ),
        # As on A4 sheets of 14, such as Avery L7163.
        Size(
            name="99x38", width=99.1 * mm, height=38.1 * mm, qr=15 * mm, big=14, text=10,
            caption=6, advice=_ADVICE,
        ),
        # As on letter sheets of 10, such as Avery 5163.
        Size(
            name="102x51", width=101.6 * mm, height=50.8 * mm, qr=20.5 * mm, big=16, text=10,
            caption=7, advice=_ADVICE,
        ),
    )
}  # fmt: skip

SHEETS = {
    sheet.name: sheet
    for sheet in (
        Sheet(
            name="a4-14", label="99x38", width=A4[0], height=A4[1], columns=2, rows=7,
            left=4.65 * mm, top=15.15 * mm, step_x=101.6 * mm, step_y=38.1 * mm,
            label_height=38.1 * mm,
        ),
        Sheet(
            name="letter-10", label="102x51", width=LETTER[0], height=LETTER[1], columns=2, rows=5,
            left=3.96875 * mm, top=12.7 * mm, step_x=106.3625 * mm, step_y=50.8 * mm,
            label_height=50.8 * mm,
        ),
    )
}  # fmt: skip
