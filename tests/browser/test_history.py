# SPDX-License-Identifier: Apache-2.0
"""Conversations in the browser: kept, found, changed, taken away; and what leaves nothing."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=window.hacked=1>\u202e**a**"
PHONE = {"viewport": {"width": 320, "height": 640}, "has_touch": True, "is_mobile": True}


def ask(page: Any, question: str) -> None:
    page.locator("#attach").wait_for()  # the page's script has begun
    page.get_by_label("Votre question").fill(question)
    page.get_by_label("Votre question").press("Enter")


def answered(page: Any, number: int = 1) -> str:
    page.locator("#thread .prose").nth(number - 1).wait_for()
    page.locator("#thread .turn:last-child .again:visible").wait_for()
    return str(page.locator("#thread .prose").last.inner_text())


def kept(page: Any) -> list[dict[str, Any]]:
    """What the box has of this person's conversations."""
    return list(page.request.get("/api/panel/conversations").json()["data"])


def test_an_answer_goes_on_while_nobody_looks_and_two_tabs_see_the_same(
    enter: Callable[..., Any],
) -> None:
    page = enter()
    ask(page, "Est-ce que mes données quittent le bureau ?")
    page.wait_for_url("**/chat/*")
    url = page.url
    page.goto("/help")
    page.goto(url)
    other = page.context.new_page()
    other.goto(url)
    assert answered(page) == answered(other)
    assert page.locator("#thread .turn").count() == 2
    ask(page, "Bonjour")
    answered(page, 2)
    other.locator("#thread .turn").nth(3).wait_for()
    assert answered(page, 2) == answered(other, 2)


def test_a_lost_connection_is_told_and_found_again(enter: Callable[..., Any]) -> None:
    failing = ["/"]  # the watch takes this very list, to which the path is added
    page = enter(may_fail=failing)
    ask(page, "Bonjour")
    answered(page)
    tries: list[str] = []

    def once(route: Any) -> None:
        tries.append(route.request.url)
        failing.append(urlsplit(route.request.url).path)
        route.abort("connectionreset") if len(tries) == 1 else route.continue_()

    page.route("**/events", once)
    page.evaluate("""() => {
      window.told = [];
      new MutationObserver(() => window.told.push(document.querySelector("#thread").innerText))
        .observe(document.getElementById("thread"), { childList: true, subtree: true });
    }""")
    ask(page, "Et mes données ?")
    assert answered(page, 2)
    assert len(tries) == 2
    assert any("La réponse continue sur le boîtier" in told for told in page.evaluate("told"))


def test_an_edited_question_and_a_new_answer_are_versions(enter: Callable[..., Any]) -> None:
    page = enter()
    ask(page, "Bonjour")
    first = answered(page)
    page.get_by_role("button", name="Régénérer").click()
    page.get_by_text("2/2").wait_for()
    answered(page)
    page.get_by_role("link", name="Modifier").click()
    page.get_by_text("Vous modifiez une question").wait_for()
    assert page.get_by_label("Votre question").input_value() == "Bonjour"
    ask(page, "Bonsoir")
    page.locator(".asked").get_by_text("2/2").wait_for()
    answered(page)
    page.locator(".asked").get_by_role("link", name="Version précédente").click()
    page.get_by_text("Bonjour", exact=True).last.wait_for()
    page.locator(".turn:last-child").get_by_role("link", name="Version précédente").click()
    page.locator(".turn:last-child").get_by_text("1/2").wait_for()
    assert page.locator("#thread .prose").inner_text() == first
    page.reload()
    assert page.locator("#thread .prose").inner_text() == first


def test_a_conversation_is_found_renamed_exported_and_deleted(enter: Callable[..., Any]) -> None:
    page = enter()
    ask(page, "Où ranger la girafe ?")
    answered(page)
    page.get_by_placeholder("Chercher").fill("girafes")
    page.get_by_placeholder("Chercher").press("Enter")
    page.locator("mark", has_text="girafe").wait_for()
    page.get_by_role("link", name="Où ranger la girafe").click()
    page.get_by_role("link", name="Renommer, exporter, supprimer").click()
    page.get_by_label("Titre").fill("Rangement")
    page.get_by_role("button", name="Renommer").click()
    page.get_by_role("heading", name="Rangement").wait_for()
    page.get_by_role("link", name="Renommer, exporter, supprimer").click()
    for name, ending in (("En Markdown", "md"), ("En JSON", "json")):
        with page.expect_download() as download:
            page.get_by_role("link", name=name).click()
        assert download.value.suggested_filename == f"Rangement.{ending}"
        assert "girafe" in download.value.path().read_text(encoding="utf-8")
    page.get_by_text("Supprimer cette conversation").click()
    page.get_by_role("button", name="Supprimer pour toujours").click()
    page.get_by_role("heading", name="Mes conversations").wait_for()
    assert "Rangement" not in [each["title"] for each in kept(page)]


def test_a_text_file_goes_with_the_question(enter: Callable[..., Any]) -> None:
    page = enter(may_fail=["/api/panel/attachments"])
    page.set_input_files(
        "#files", {"name": "photo.png", "mimeType": "image/png", "buffer": b"\x89PNG\0\1"}
    )
    page.get_by_role("alert").get_by_text("photo.png").wait_for()
    text = {"name": "prix.csv", "mimeType": "text/csv", "buffer": "écran;120".encode("cp1252")}
    page.set_input_files("#files", text)
    page.locator("#chips").get_by_text("prix.csv").wait_for()
    page.get_by_role("button", name="Retirer prix.csv").click()
    assert page.locator("#chips li").count() == 0
    page.set_input_files("#files", text)
    page.locator("#chips").get_by_text("prix.csv").wait_for()
    ask(page, "Combien ?")
    answered(page)
    assert page.locator(".mine").get_by_text("prix.csv").is_visible()
    exported = page.request.get(f"{page.url.partition('#')[0]}/export.md").text()
    assert "écran;120" in exported
    huge = {"name": "long.txt", "mimeType": "text/plain", "buffer": b"mot " * 3000}
    page.set_input_files("#files", huge)
    page.get_by_role("alert").get_by_text("le modèle en lit").wait_for()
    ask(page, "Résumez.")
    page.locator(".problem", has_text="Rien n’a été coupé").wait_for()


def test_a_prompt_is_kept_and_used_with_a_click_or_a_slash(enter: Callable[..., Any]) -> None:
    page = enter()
    page.goto("/prompts")
    page.get_by_label("Titre").fill("Résumer un courriel")
    page.get_by_label("Texte").fill("Résumez ce courriel :")
    page.get_by_role("button", name="Enregistrer").click()
    page.get_by_role("link", name="Utiliser").click()
    question = page.get_by_label("Votre question")
    assert question.input_value() == "Résumez ce courriel :"
    page.locator("#attach").wait_for()
    question.fill("")
    question.press_sequentially("/résu")
    page.get_by_role("option", name="Résumer un courriel").wait_for()
    question.press("Enter")
    assert question.input_value() == "Résumez ce courriel :"


def test_a_temporary_chat_leaves_nothing(enter: Callable[..., Any]) -> None:
    page = enter()
    before = kept(page)
    page.get_by_role("link", name="Discussion temporaire").click()
    page.get_by_text("Rien de cette discussion n’est gardé").wait_for()
    ask(page, "Un secret")
    answered(page)
    ask(page, "Un autre")
    answered(page, 2)
    assert kept(page) == before
    assert (
        page.evaluate("Object.keys(sessionStorage).length + Object.keys(localStorage).length") == 0
    )
    page.reload()
    page.locator("#suggestions").wait_for()
    assert page.locator("#thread .turn").count() == 0


def test_what_is_kept_is_text_wherever_it_is_shown(enter: Callable[..., Any]) -> None:
    page = enter()
    page.set_input_files(
        "#files", {"name": HOSTILE, "mimeType": "text/plain", "buffer": HOSTILE.encode()}
    )
    page.locator("#chips li").wait_for()
    ask(page, HOSTILE)
    answered(page)
    chat = page.url.partition("#")[0]
    page.goto("/prompts")
    page.get_by_label("Titre").fill(HOSTILE)
    page.get_by_label("Texte").fill(HOSTILE)
    page.get_by_role("button", name="Enregistrer").click()
    for path in (chat, f"{chat}/manage", "/history", "/history?q=onerror", "/prompts", "/"):
        page.goto(path)
        assert page.evaluate("window.hacked") is None, path
        assert page.locator("main img, aside img").count() == 0, path
    page.locator("#attach").wait_for()
    page.get_by_label("Votre question").press_sequentially("/")
    page.get_by_role("option").first.wait_for()
    assert page.evaluate("window.hacked") is None


def test_all_but_streaming_works_without_a_script(visit: Callable[..., Any]) -> None:
    page = visit(java_script_enabled=False)
    page.goto("/login")
    page.locator("#login").fill("marie")
    page.locator("#password").fill("quatre mots à la suite")
    page.locator("#password").press("Enter")
    page.get_by_label("Votre question").fill("Que pouvez-vous faire ?")
    page.get_by_role("button", name="Envoyer").click()
    page.get_by_role(
        "button", name="Régénérer"
    ).wait_for()  # the page loads itself again until then
    assert page.locator(".prose").inner_text()
    page.get_by_role("link", name="Modifier").click()
    page.get_by_label("Votre question").fill("Et les données ?")
    page.get_by_role("button", name="Envoyer").click()
    page.get_by_text("2/2").wait_for()
    page.get_by_role("button", name="Régénérer").wait_for()
    page.get_by_role("link", name="Version précédente").first.click()
    page.get_by_text("1/2").first.wait_for()


def test_on_a_phone_the_list_is_a_drawer(enter: Callable[..., Any]) -> None:
    page = enter(**PHONE)
    drawer = page.get_by_role("link", name="Modèles de questions")
    assert not drawer.is_visible()
    page.get_by_role("button", name="Conversations").tap()
    drawer.wait_for()
    page.keyboard.press("Escape")
    drawer.wait_for(state="hidden")
    page.get_by_role("button", name="Âtre").tap()
    page.get_by_text("Rien n’est envoyé ailleurs").wait_for()
    root = "document.documentElement"
    assert page.evaluate(f"{root}.scrollWidth - {root}.clientWidth") <= 0
