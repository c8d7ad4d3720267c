# SPDX-License-Identifier: Apache-2.0
"""Every page, in both languages, light and dark, wide, zoomed to 200 % and on a 320 px screen."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.browser.screen import Screen

pytestmark = pytest.mark.browser

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
# Light with all rules; dark, which has the same elements, with those that look at colours.
RULES = {
    "light": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "dark": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]},
}
# A window of 1280 px at 200 % leaves a page 640; 320 is the least that WCAG 1.4.10 asks for.
SIZES = {"wide": (1280, 800), "200 %": (640, 400), "320 px": (320, 640)}

RUN_AXE = """async (rules) => {
  const found = await axe.run(document, { runOnly: rules, resultTypes: ["violations"] });
  return found.violations.map(({ id, nodes }) =>
    [id, nodes.map(({ html, failureSummary }) => `${html}: ${failureSummary}`)]);
}"""
# Of the page, and of what scrolls in it by itself: a table or a block of code may, text may not.
OVERFLOW = """() => {
  const root = document.documentElement, main = document.querySelector("main");
  return Math.max(root.scrollWidth - root.clientWidth, main.scrollWidth - main.clientWidth);
}"""


@pytest.fixture(scope="session")
def axe() -> Path:
    if not AXE.exists():
        pytest.skip("axe-core is not installed: .ci/install-axe does it, with npm")
    return AXE


@pytest.mark.parametrize("locale", ["fr-FR", "en-GB"])
def test_a_page_is_accessible(
    show: Callable[..., Any], axe: Path, screen: "Screen", locale: str
) -> None:
    page = show(screen, locale=locale, reduced_motion="reduce")
    page.evaluate(axe.read_text("utf-8"))
    found = []
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        for scheme, rules in RULES.items():
            page.emulate_media(color_scheme=scheme)
            found += [(size, scheme, *violation) for violation in page.evaluate(RUN_AXE, rules)]
        if (overflow := page.evaluate(OVERFLOW)) > 0:
            found.append((size, f"{overflow} px overflow"))
    assert found == []
