# SPDX-License-Identifier: Apache-2.0
"""``make screenshots``: a picture of every page, the README's among them, and the icons.

No test: it writes files of the repository, and somebody must look at them.
"""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from tests.browser.screen import Screen

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

PICTURES = Path(__file__).parent / "screenshots"
README = Path(__file__).parents[2] / "docs" / "images"
LOOKS = {
    "light": ((1200, 800), "light"),
    "dark": ((1200, 800), "dark"),
    "phone": ((390, 844), "light"),
    "phone-dark": ((390, 844), "dark"),
}
# What the README shows: page, language and look.
SHOWN = {
    ("chat", "fr", "light"): "chat.png",
    ("people", "en", "light"): "people.png",
    ("status", "fr", "dark"): "status-dark.png",
    ("chat", "en", "phone"): "chat-phone.png",
}


@pytest.mark.parametrize("language", ["fr", "en"])
def test_draw_page(show: Callable[..., Any], screen: "Screen", language: str) -> None:
    PICTURES.mkdir(exist_ok=True)
    README.mkdir(exist_ok=True)
    page = show(screen, locale=language, may_fail=["*"])
    for look, ((width, height), scheme) in LOOKS.items():
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=scheme)
        drawn = page.screenshot(full_page=True)
        (PICTURES / f"{screen.name}-{language}-{look}.png").write_bytes(drawn)
        if name := SHOWN.get((screen.name, language, look)):
            (README / name).write_bytes(page.screenshot())


def test_draw_icons(chromium: "Browser", icons: ModuleType) -> None:
    icons.draw(chromium)
