# SPDX-License-Identifier: Apache-2.0
"""Languages, themes and small screens. ``make screenshots`` draws every page."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.browser

PHONE = {
    "viewport": {"width": 320, "height": 640},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}
NOWHERE = "/nowhere"
MOST_STOPS = 150  # of the Tab key on one page
# The widest pages of the handbook: tables, long lines of code, long links.
HELP_PAGES = ("/help/api-key", "/help/openai-client", "/help/embeddings", "/help/open-the-panel")

LONG = f"""Une `ligne_de_code_sans_espace_{"x" * 80}` et https://exemple.test/{"y" * 80}

```
{"z" * 200}
```

| a | b | c | d | e | f |
|---|---|---|---|---|---|
| colonne large | colonne large | colonne large | colonne large | colonne large | x |
"""


def background(page: Any) -> str:
    return str(page.evaluate("getComputedStyle(document.documentElement).backgroundColor"))


def overflow_px(page: Any) -> int:
    # Not innerWidth: a phone's browser zooms out until what overflows fits in it.
    root = "document.documentElement"
    return int(page.evaluate(f"{root}.scrollWidth - {root}.clientWidth"))


def converse(page: Any, name: str) -> None:
    page.get_by_role("button", name=name).click()
    page.locator(".again:visible").wait_for()


def test_the_language_follows_the_browser_and_the_switch(enter: Callable[..., Any]) -> None:
    page = enter(locale="en-GB")
    page.get_by_role("heading", name="What would you like to know").wait_for()
    page.get_by_role("link", name="Français").click()
    page.get_by_role("heading", name="Que voulez-vous savoir").wait_for()
    page.goto("/status")
    page.get_by_role("heading", name="État du boîtier").wait_for()
    assert page.evaluate("document.documentElement.lang") == "fr"


def test_switching_language_keeps_the_conversation(enter: Callable[..., Any]) -> None:
    page = enter()
    converse(page, "Que pouvez-vous faire")
    answer = page.locator("#thread .prose").inner_text()
    page.get_by_role("link", name="English").click()
    page.get_by_role("button", name="Regenerate").wait_for()
    assert page.locator("#thread .prose").inner_text() == answer


def test_the_theme_follows_the_system_until_it_is_chosen(enter: Callable[..., Any]) -> None:
    page = enter(color_scheme="light")
    light = background(page)
    page.emulate_media(color_scheme="dark")
    dark = background(page)
    assert light != dark
    page.get_by_role("button", name="Changer entre clair et sombre").click()
    assert background(page) == light
    page.goto("/status")
    assert background(page) == light, "the choice is kept, against the system's dark"
    page.get_by_role("button", name="Changer entre clair et sombre").click()
    page.emulate_media(color_scheme="light")
    page.reload()
    assert background(page) == dark


@pytest.mark.parametrize("language", ["fr-FR", "en-GB"])
def test_nothing_overflows_a_320_px_screen(
    visit: Callable[..., Any], enter: Callable[..., Any], language: str
) -> None:
    page = visit(locale=language, **PHONE)
    page.goto("/")
    assert overflow_px(page) <= 0
    page = enter(locale=language, may_fail=[NOWHERE], **PHONE)
    assert overflow_px(page) <= 0
    body = (
        f'data: {{"choices": [{{"delta": {{"content": {json.dumps(LONG)}}}}}]}}\n\ndata: [DONE]\n\n'
    )
    page.route(
        "**/v1/chat/completions",
        lambda route: route.fulfill(content_type="text/event-stream", body=body),
    )
    page.goto("/?temporary")
    page.locator("#attach").wait_for()
    page.locator("#question").fill("w" * 200)
    page.locator("#send").tap()
    page.locator(".again:visible").wait_for()
    assert overflow_px(page) <= 0
    assert page.evaluate("main.scrollWidth - main.clientWidth") <= 0
    for path in (
        "/history",
        "/history?q=w",
        "/prompts",
        "/status",
        "/help",
        "/help?q=certificat+certificate",
        *HELP_PAGES,
        NOWHERE,
    ):
        page.goto(path)
        assert overflow_px(page) <= 0, path


@pytest.mark.parametrize("locale", ["fr-FR", "fr-CA"])
def test_a_managers_ways_stand_in_three_rows_and_none_is_covered(
    enter: Callable[..., Any], locale: str
) -> None:
    page = enter(locale=locale, **PHONE)
    page.goto("/settings")
    ways = """[...document.querySelectorAll('.bar a, .bar button, .rooms a')].map(way => {
        const box = way.getBoundingClientRect();
        const there = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
        return [way.closest('.rooms') ? box.y : null, box.left >= 0 && box.right <= 320,
                way.contains(there), way.textContent];
    })"""
    found = page.evaluate(ways)
    assert [way for way in found if not way[1] or not way[2]] == []
    # Ten rooms at a size that is read and touched.
    assert len({top for top, *_ in found if top is not None}) == 3


def test_a_wrong_address_leads_back(enter: Callable[..., Any]) -> None:
    page = enter(may_fail=[NOWHERE])
    page.goto(NOWHERE)
    page.get_by_role("heading", name="Page introuvable").wait_for()
    page.get_by_role("link", name="English").click()
    page.get_by_role("heading", name="Page not found").wait_for()
    page.get_by_role("link", name="Back to the start page").click()
    page.locator("#suggestions").wait_for()


def test_a_keyboard_alone_reaches_everything(enter: Callable[..., Any]) -> None:
    page = enter()
    page.evaluate("document.activeElement.blur()")
    wanted = {"Discussion", "Gestion", "Se déconnecter", "Que pouvez-vous faire\u00a0?"}
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        wanted.discard(
            page.evaluate(
                "document.activeElement.getAttribute('aria-label')"
                " || document.activeElement.textContent.trim()"
                " || document.activeElement.id"
            )
        )
        if not wanted:
            break
    assert wanted == set()


def test_the_status_page_refreshes_itself(enter: Callable[..., Any]) -> None:
    page = enter()
    page.goto("/status")
    page.evaluate("document.querySelector('[data-field=running]').textContent = 'stale'")
    page.locator("[data-field=running]", has_text=re.compile(r"^\d+$")).wait_for()


def test_help_is_searched_and_read(enter: Callable[..., Any]) -> None:
    page = enter()
    page.get_by_role("link", name="Aide").click()
    page.get_by_label("Votre question").fill("comment changer de modèle ?")
    page.get_by_role("button", name="Chercher").click()
    page.locator(".hits a").first.click()
    page.get_by_role("heading", name="Changer de modèle").wait_for()
    page.get_by_role("link", name="arrêter le boîtier").click()
    page.get_by_role("link", name="English").click()
    page.get_by_role("heading", name="Start, stop and restart the box").wait_for()
