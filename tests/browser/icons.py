# SPDX-License-Identifier: Apache-2.0
"""Draws the panel's icons for telephones from icon.svg; ``make screenshots`` runs it."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

STATIC = Path(__file__).parents[2] / "webui" / "atre_web" / "static"
SIZES = (192, 512)
# Of the side: what a phone leaves of a maskable icon is a circle of 80 % (W3C Manifest, purpose).
_MARK = 0.56
_PAPER = "#faf7f2"


def draw(browser: "Browser") -> None:
    """Write icon-192.png and icon-512.png."""
    svg = (STATIC / "icon.svg").read_text("utf-8")
    for size in SIZES:
        page = browser.new_page(viewport={"width": size, "height": size})
        page.set_content(
            f"<body style='margin:0;height:100vh;display:grid;place-items:center;"
            f"background:{_PAPER}'><div style='width:{_MARK * size}px'>{svg}</div>"
        )
        (STATIC / f"icon-{size}.png").write_bytes(page.screenshot())
        page.close()
