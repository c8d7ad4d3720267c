# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.browser


def test_the_key_opens_the_panel_and_stays_open(visit: Callable[..., Any], box: Any) -> None:
    page = visit()
    page.goto("/status")
    page.get_by_label("Clé d’accès").fill(box.key)
    page.get_by_role("button", name="Entrer").click()
    page.get_by_role("heading", name="Que voulez-vous savoir").wait_for()
    page.goto("/status")
    page.get_by_role("heading", name="État du boîtier").wait_for()
    cookies = {cookie["name"]: cookie for cookie in page.context.cookies()}
    assert cookies["atre"]["httpOnly"]
    assert cookies["atre"]["sameSite"] == "Strict"
    page.get_by_role("button", name="Se déconnecter").click()
    page.get_by_label("Clé d’accès").wait_for()
    page.goto("/")
    page.get_by_label("Clé d’accès").wait_for()


def test_the_printed_link_opens_the_panel_once(visit: Callable[..., Any], box: Any) -> None:
    page = visit()
    # As from a terminal: a navigation that no page started.
    page.goto(box.link)
    page.get_by_role("button", name="Entrer").click()
    page.get_by_role("heading", name="Que voulez-vous savoir").wait_for()
    second = visit()
    second.goto(box.link)
    assert "déjà servi" in second.get_by_role("alert").inner_text()


def test_a_wrong_key_says_what_to_do(visit: Callable[..., Any]) -> None:
    page = visit(locale="en-GB")
    page.goto("/")
    page.get_by_label("Access key").fill("atre-wrong")
    page.get_by_role("button", name="Enter").click()
    assert "Check it and try again" in page.get_by_role("alert").inner_text()
    assert page.evaluate("document.activeElement.id") == "key"


def test_the_login_page_works_without_javascript(visit: Callable[..., Any], box: Any) -> None:
    page = visit(java_script_enabled=False)
    page.goto("/")
    page.get_by_label("Clé d’accès").fill(box.key)
    page.get_by_role("button", name="Entrer").click()
    page.locator("noscript p").wait_for()
    page.goto("/status")
    page.get_by_role("heading", name="État du boîtier").wait_for()
