# SPDX-License-Identifier: Apache-2.0
"""Where an answer of the factory model comes from, on a phone, in French."""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.browser

PHONE = {"width": 360, "height": 740}


def ask(page: Any, question: str) -> str:
    """What stands under the answer: where it comes from."""
    page.get_by_label("Votre question").fill(question)
    page.get_by_role("button", name="Envoyer").click()
    return str(page.locator(".sources").inner_text())


def test_an_answer_leads_to_its_help_page_and_back(enter: Callable[..., Any]) -> None:
    page = enter(viewport=PHONE)
    assert "Créer une clé d’API" in ask(page, "Comment créer une clé d’API ?")
    link = page.locator(".sources a")
    assert link.get_attribute("href") == "/help/api-key"
    link.click()
    page.get_by_role("heading", level=1, name="Créer une clé d’API").wait_for()
    page.go_back()
    page.locator(".sources a").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_doubt_offers_pages(enter: Callable[..., Any]) -> None:
    page = enter(viewport=PHONE, color_scheme="dark")
    assert "Dans l’aide :" in ask(page, "le modèle et la clé")
    targets = page.locator(".sources a").evaluate_all("links => links.map(l => l.pathname)")
    assert "/help/api-key" in targets
    assert 1 <= len(targets) <= 3
