# SPDX-License-Identifier: Apache-2.0
"""From a box that is nobody's to the first answer of an invited colleague."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser

PASSWORD = "quatre mots à la suite"
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}


@pytest.fixture
def fresh(serve_unclaimed: Callable[..., Any], tmp_path: Path) -> Iterator[Any]:
    """A box that is nobody's, and no other test's."""
    with serve_unclaimed(tmp_path) as running:
        yield running


class Hand:
    """Counts what a person does."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.num_clicks = self.num_fields = 0

    def click(self, name: str, role: str = "button") -> None:
        self.page.get_by_role(role, name=name).click()
        self.num_clicks += 1

    def fill(self, label: str, text: str) -> None:
        self.page.get_by_label(label, exact=False).fill(text)
        self.num_fields += 1


def test_a_fresh_box_to_a_colleagues_first_answer(fresh: Any, visit: Callable[..., Any]) -> None:
    marie = Hand(visit(at=fresh.url, **PHONE))
    # As from a terminal: a navigation that no page started.
    marie.page.goto(fresh.link)
    marie.fill("Votre nom", "Marie Roy")
    marie.fill("Identifiant", "marie")
    marie.fill("Mot de passe", PASSWORD)
    marie.click("Ce boîtier est à moi")
    marie.page.get_by_role("heading", name="Vos codes de secours").wait_for()
    assert marie.page.locator(".codes code").count() == 8
    marie.click("C’est noté", "link")
    marie.click("Gestion", "link")
    marie.click("Inviter quelqu’un", "link")
    marie.fill("Son nom", "Luc")
    marie.click("Créer l’invitation")
    link = marie.page.locator("#link").inner_text()
    assert marie.page.locator("svg.qr").is_visible()

    luc = Hand(visit(at=fresh.url, **PHONE))
    luc.page.goto(link)
    assert luc.page.get_by_label("Votre nom").input_value() == "Luc"
    luc.fill("Identifiant", "luc")
    luc.fill("Mot de passe", PASSWORD)
    luc.click("Entrer")
    luc.click("Que pouvez-vous faire")
    luc.page.locator(".again:visible").wait_for()
    assert luc.page.locator("#thread .prose").inner_text()
    assert (marie.num_fields, marie.num_clicks) == (4, 5)
    assert (luc.num_fields, luc.num_clicks) == (2, 2)

    again = visit(at=fresh.url)
    again.goto(link)
    assert "déjà servi" in again.get_by_role("alert").inner_text()


def test_a_password_opens_the_panel_and_stays_open(visit: Callable[..., Any]) -> None:
    page = visit()
    page.goto("/status")
    page.get_by_label("Identifiant").fill("marie")
    page.get_by_label("Mot de passe").fill(PASSWORD)
    page.get_by_role("button", name="Entrer").click()
    page.get_by_role("heading", name="Que voulez-vous savoir").wait_for()
    page.goto("/status")
    page.get_by_role("heading", name="État du boîtier").wait_for()
    cookies = {cookie["name"]: cookie for cookie in page.context.cookies()}
    assert cookies["atre"]["httpOnly"]
    assert cookies["atre"]["sameSite"] == "Strict"
    page.get_by_role("button", name="Se déconnecter").click()
    page.get_by_label("Identifiant").wait_for()
    page.goto("/")
    page.get_by_label("Identifiant").wait_for()


def test_a_wrong_password_says_what_to_do(visit: Callable[..., Any]) -> None:
    page = visit(locale="en-GB")
    page.goto("/")
    page.get_by_label("Login name").fill("marie")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Enter").click()
    assert "is not the right one" in page.get_by_role("alert").inner_text()
    assert page.evaluate("document.activeElement.id") == "password"


def test_accounts_work_without_javascript(visit: Callable[..., Any]) -> None:
    page = visit(java_script_enabled=False)
    page.goto("/")
    page.get_by_label("Identifiant").fill("marie")
    page.get_by_label("Mot de passe").fill(PASSWORD)
    page.get_by_role("button", name="Entrer").click()
    page.get_by_role("heading", name="Que voulez-vous savoir").wait_for()
    page.goto("/account")
    page.get_by_label("Nom de la nouvelle clé").fill("LibreOffice")
    page.get_by_role("button", name="Créer une clé").click()
    assert re.fullmatch(r"atre-[\w-]{43}", page.locator(".secret code").inner_text())


def test_account_pages_fit_a_phone(visit: Callable[..., Any]) -> None:
    page = visit(**PHONE | {"viewport": {"width": 320, "height": 640}})
    page.goto("/login")
    page.get_by_label("Identifiant").fill("marie")
    page.get_by_label("Mot de passe").fill(PASSWORD)
    page.get_by_role("button", name="Entrer").click()
    page.get_by_role("heading", name="Que voulez-vous savoir").wait_for()
    for path in ("/account", "/people", "/"):
        page.goto(path)
        root = "document.documentElement"
        assert page.evaluate(f"{root}.scrollWidth - {root}.clientWidth") == 0, path
