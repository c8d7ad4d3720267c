# SPDX-License-Identifier: Apache-2.0
"""A manager looks after the box: home, usage, settings, network, system, register."""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.browser

ROOMS = (
    "/admin",
    "/people",
    "/network",
    "/usage",
    "/power",
    "/updates",
    "/settings",
    "/system",
    "/audit",
    "/status",
)
PHONE = {"viewport": {"width": 320, "height": 640}, "has_touch": True, "is_mobile": True}


def test_a_manager_walks_through_the_administration(enter: Callable[..., Any]) -> None:
    page = enter()
    page.get_by_role("button", name="Que pouvez-vous faire").click()
    page.locator(".again:visible").wait_for()
    page.get_by_role("link", name="Gestion").click()
    page.get_by_role("heading", name="Accueil").wait_for()
    assert "modèle d’usine" in page.locator(".findings").inner_text()
    rooms = page.get_by_role("navigation", name="Gestion du boîtier")
    rooms.get_by_role("link", name="Usage").click()
    page.locator("#plot canvas").wait_for()
    assert page.locator("#plot").get_attribute("aria-hidden") == "true"
    assert "Marie Roy" in page.get_by_role("table").first.inner_text()
    with page.expect_download() as download:
        page.get_by_role("link", name="Télécharger en CSV").click()
    assert download.value.suggested_filename.endswith(".csv")
    rooms.get_by_role("link", name="Réglages").click()
    page.get_by_label("Nom du bureau").fill("Étude Roy")
    page.get_by_label("Fuseau horaire").select_option("America/Toronto")
    page.get_by_role("button", name="Enregistrer", exact=True).click()
    page.get_by_text("C’est enregistré.").wait_for()
    assert page.get_by_label("Nom du bureau").input_value() == "Étude Roy"
    rooms.get_by_role("link", name="Système").click()
    page.get_by_role("region", name="Journal de").wait_for()
    page.get_by_role("link", name="Ouvrir le registre").click()
    assert "A changé les réglages" in page.get_by_role("table").inner_text()


@pytest.mark.parametrize(
    "options",
    [
        {"locale": "fr-FR", "color_scheme": "dark", **PHONE},
        {"locale": "en-GB", **PHONE, "java_script_enabled": False},
    ],
    ids=["dark", "without scripts"],
)
def test_every_room_fits_a_phone(visit: Callable[..., Any], options: dict[str, Any]) -> None:
    page = visit(**options)
    page.goto("/login")
    page.locator("#login").fill("marie")
    page.locator("#password").fill("quatre mots à la suite")
    page.locator("#password").press("Enter")
    page.locator("header.bar").wait_for()
    for path in ROOMS:
        page.goto(path)
        root = page.locator("html")
        width, seen = root.evaluate("r => [r.scrollWidth, r.clientWidth]")
        assert width == seen, path
        cut = page.evaluate(
            "[...document.querySelectorAll('main button, main h1, main h2, nav a')]"
            ".filter(e => e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0)"
            ".map(e => e.textContent)"
        )
        assert cut == [], path
