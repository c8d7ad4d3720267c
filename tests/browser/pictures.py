# SPDX-License-Identifier: Apache-2.0
"""Pictures that a test leaves for somebody to look at."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

_FOLDER = Path(__file__).parent / "screenshots"


def picture(page: "Page", name: str) -> None:
    """Draw the whole page into ``screenshots/NAME.png``."""
    _FOLDER.mkdir(exist_ok=True)
    # Not path=: Playwright would leave threads of its event loop behind.
    (_FOLDER / f"{name}.png").write_bytes(page.screenshot(full_page=True))
