# SPDX-License-Identifier: Apache-2.0
import json
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.browser

QUESTION = "Est-ce que mes données quittent le bureau ?"

# Counts how many different texts the answer showed on its way.
COUNT_UPDATES = """() => {
  window.shown = new Set();
  const look = () => {
    const prose = document.querySelector("#thread .prose.writing");
    if (prose && prose.textContent) window.shown.add(prose.textContent);
  };
  new MutationObserver(look).observe(
    document.getElementById("thread"), { childList: true, subtree: true, characterData: true });
}"""

# Presses stop as soon as there is text, before the answer can end by itself.
STOP_AT_FIRST_TEXT = """() => {
  new MutationObserver((_, observer) => {
    const prose = document.querySelector("#thread .prose.writing");
    if (!prose || !prose.textContent) return;
    observer.disconnect();
    document.getElementById("stop").click();
  }).observe(document.getElementById("thread"), { childList: true, subtree: true });
}"""


def ask(page: Any, question: str = QUESTION) -> None:
    page.get_by_label("Votre question").fill(question)
    page.get_by_label("Votre question").press("Enter")


def answered(page: Any) -> str:
    page.get_by_role("button", name="Régénérer").wait_for()
    return str(page.locator("#thread .prose").last.inner_text())


def reply_with(page: Any, *chunks: dict[str, Any], end: str = "data: [DONE]\n\n") -> None:
    """Have the browser see this stream in place of the box's."""
    body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + end
    page.route(
        "**/v1/chat/completions",
        lambda route: route.fulfill(content_type="text/event-stream", body=body),
    )


def text_chunk(text: str) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}


def test_an_answer_comes_token_by_token(enter: Callable[..., Any]) -> None:
    page = enter()
    page.evaluate(COUNT_UPDATES)
    ask(page)
    answer = answered(page)
    assert len(answer) > 20
    assert page.evaluate("window.shown.size") >= 3
    assert page.locator(".mine").text_content() == f"Vous {QUESTION}"
    foot = page.locator(".turn-foot").inner_text()
    assert "jetons" in foot
    assert " s" in foot
    assert page.locator("#announcer").inner_text() == "Réponse terminée."


def test_stop_keeps_what_was_written(enter: Callable[..., Any]) -> None:
    page = enter()
    page.evaluate(STOP_AT_FIRST_TEXT)
    ask(page)
    page.get_by_text("Arrêtée à votre demande").wait_for()
    assert page.locator("#thread .prose").inner_text() != ""
    assert page.get_by_role("button", name="Envoyer").is_visible()
    assert page.locator("#announcer").inner_text() == "Réponse arrêtée."
    ask(page, "Bonjour")
    assert answered(page)


def test_escape_stops_too(enter: Callable[..., Any]) -> None:
    page = enter()
    page.route("**/v1/chat/completions", lambda _route: None)  # an answer that never begins
    ask(page)
    page.get_by_role("button", name="Arrêter la réponse").wait_for()
    page.keyboard.press("Escape")
    page.get_by_text("Arrêtée à votre demande").wait_for()


def test_regenerate_replaces_the_last_answer(enter: Callable[..., Any]) -> None:
    page = enter()
    ask(page)
    answered(page)
    with page.expect_request("**/v1/chat/completions") as sent:
        page.get_by_role("button", name="Régénérer").click()
    assert sent.value.post_data_json["messages"] == [{"role": "user", "content": QUESTION}]
    answered(page)
    assert page.locator("#thread .turn").count() == 2


def test_the_whole_conversation_is_sent_and_survives_a_reload(enter: Callable[..., Any]) -> None:
    page = enter()
    ask(page, "Bonjour")
    first = answered(page)
    page.reload()
    page.get_by_role("button", name="Régénérer").wait_for()
    assert page.locator("#thread .prose").inner_text() == first
    with page.expect_request("**/v1/chat/completions") as sent:
        ask(page)
    roles = [message["role"] for message in sent.value.post_data_json["messages"]]
    assert roles == ["user", "assistant", "user"]
    assert "model" not in sent.value.post_data_json
    answered(page)
    page.get_by_role("button", name="Nouvelle conversation").click()
    assert page.locator("#thread .turn").count() == 0
    page.reload()
    page.locator("#suggestions").wait_for()


def test_enter_sends_and_shift_enter_starts_a_line(enter: Callable[..., Any]) -> None:
    page = enter()
    box = page.get_by_label("Votre question")
    assert page.get_by_role("button", name="Envoyer").is_disabled()
    box.press_sequentially("un")
    box.press("Shift+Enter")
    box.press_sequentially("deux")
    assert box.input_value() == "un\ndeux"
    box.press("Enter")
    assert page.locator(".mine").text_content() == "Vous un\ndeux"
    answered(page)


def test_a_suggestion_asks_itself(enter: Callable[..., Any]) -> None:
    page = enter()
    page.get_by_role("button", name="Que pouvez-vous faire").click()
    assert answered(page)


HOSTILE = """<img src="https://elsewhere.example/x" onerror="window.hacked=1">
<script>window.hacked = 1</script>

![photo](https://elsewhere.example/pixel.png) [click](javascript:window.hacked=1)
[data](data:text/html,<script>window.hacked=1</script>)
<a href="https://elsewhere.example" onclick="window.hacked=1">x</a>

<svg onload="window.hacked=1"></svg><iframe src="https://elsewhere.example"></iframe>
<style>body{display:none}</style><form action="https://elsewhere.example"><input name="q"></form>

| a |
|---|
| <img src=x onerror=window.hacked=1> |

[good](https://elsewhere.example/page)"""


def test_hostile_markdown_is_harmless(enter: Callable[..., Any]) -> None:
    page = enter()
    reply_with(page, *[text_chunk(HOSTILE[i : i + 7]) for i in range(0, len(HOSTILE), 7)])
    ask(page)
    answered(page)
    prose = page.locator("#thread .prose")
    assert page.evaluate("window.hacked") is None
    for tag in ("img", "script", "svg", "iframe", "style", "form", "input"):
        assert prose.locator(tag).count() == 0, tag
    hrefs = prose.locator("a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
    assert [href for href in hrefs if href] == ["https://elsewhere.example/page"]
    assert prose.locator("a", has_text="good").get_attribute("rel") == "noopener noreferrer"
    assert prose.is_visible()
    page.reload()  # and again when it comes back from storage
    answered(page)
    assert page.evaluate("window.hacked") is None
    assert prose.locator("img").count() == 0


def test_a_question_is_text_not_markup(enter: Callable[..., Any]) -> None:
    page = enter()
    reply_with(page, text_chunk("ok"))
    ask(page, "<img src=x onerror=window.hacked=1> **gras**")
    answered(page)
    assert page.locator(".mine img").count() == 0
    assert "**gras**" in page.locator(".mine").inner_text()


def test_waiting_is_told_before_the_first_token(enter: Callable[..., Any]) -> None:
    page = enter()
    page.evaluate("""() => {
      window.said = [];
      new MutationObserver(() => {
        const waiting = document.querySelector(".waiting");
        if (waiting) window.said.push(waiting.textContent);
      }).observe(document.getElementById("thread"), { childList: true, subtree: true });
      // Hand the stream over line by line, as a network does.
      const real = window.fetch;
      window.fetch = async (...request) => {
        const response = await real(...request);
        if (!response.headers.get("content-type").includes("event-stream")) return response;
        const lines = (await response.text()).split("\\n\\n");
        const encoder = new TextEncoder();
        return new Response(new ReadableStream({
          async pull(controller) {
            await new Promise(requestAnimationFrame);
            if (lines.length) controller.enqueue(encoder.encode(lines.shift() + "\\n\\n"));
            else controller.close();
          },
        }));
      };
    }""")
    reply_with(
        page,
        {"choices": [], "queue": {"position": 2}},
        {
            "choices": [],
            "prompt_progress": {"total": 200, "cache": 0, "processed": 86, "time_ms": 9},
        },
        text_chunk("Bonjour."),
    )
    ask(page)
    assert answered(page) == "Bonjour."
    said = page.evaluate("window.said")
    assert "File d’attente\u00a0: vous êtes en position 2" in said
    assert "Lecture de votre question 43\u00a0%" in said


REFUSALS = [
    (429, {"Retry-After": "7"}, {"code": "queue_full"}, "Réessayez dans 7 secondes"),
    (400, {}, {"code": "context_length_exceeded"}, "Commencez une nouvelle conversation"),
    (503, {}, {"type": "server_error", "code": "engine_unavailable"}, "redémarre"),
    (503, {}, {"type": "server_error", "code": "no_model"}, "ne peut pas être chargé"),
    (400, {}, {"message": "No <b>such</b> thing."}, "refusée\u00a0: No <b>such</b> thing."),
    (401, {}, {"code": "invalid_api_key"}, "Votre session a expiré"),
]


@pytest.mark.parametrize(("status", "headers", "error", "told"), REFUSALS)
def test_a_refusal_is_told_in_words(
    enter: Callable[..., Any],
    status: int,
    headers: dict[str, str],
    error: dict[str, str],
    told: str,
) -> None:
    page = enter(may_fail=["/v1/chat/completions"])
    body = json.dumps({"error": {"message": "", "type": "", "param": None, "code": None} | error})
    answer = {"status": status, "headers": headers, "content_type": "application/json"}
    page.route("**/v1/chat/completions", lambda route: route.fulfill(body=body, **answer))
    ask(page)
    assert told in page.locator("#thread .problem").inner_text()
    assert page.locator("#announcer").inner_text() == "La réponse a échoué."
    page.unroute("**/v1/chat/completions")
    page.get_by_role("button", name="Réessayer").click()
    assert answered(page)


def test_an_error_in_the_middle_keeps_the_beginning(enter: Callable[..., Any]) -> None:
    page = enter()
    lost = {"error": {"message": "lost", "type": "server_error", "code": "engine_unavailable"}}
    reply_with(page, text_chunk("Le début"), lost, end="")
    ask(page)
    page.get_by_role("button", name="Réessayer").wait_for()
    assert "Le début" in page.locator("#thread .prose").inner_text()
    assert "redémarre" in page.locator("#thread .problem").inner_text()


def test_a_stream_that_is_cut_is_told(enter: Callable[..., Any]) -> None:
    page = enter()
    reply_with(page, text_chunk("Le début"), end="")
    ask(page)
    assert "interrompue" in page.locator("#thread .problem").inner_text()


def test_a_lost_network_is_told(enter: Callable[..., Any]) -> None:
    page = enter(may_fail=["/v1/chat/completions"])
    page.route("**/v1/chat/completions", lambda route: route.abort("connectionfailed"))
    ask(page)
    assert "Vérifiez le réseau" in page.locator("#thread .problem").inner_text()


def test_the_page_waits_for_a_model(enter: Callable[..., Any]) -> None:
    page = enter()
    page.route("**/api/panel/status.json", lambda route: route.fulfill(json=NOT_READY))
    page.clock.install()
    page.reload()
    page.locator("#suggestions").wait_for()
    page.clock.fast_forward(16_000)
    page.get_by_text("Aucun modèle n’est prêt").wait_for()
    page.get_by_label("Votre question").fill("Bonjour")
    assert page.get_by_role("button", name="Envoyer").is_disabled()
    page.unroute("**/api/panel/status.json")
    page.clock.fast_forward(3_000)
    page.locator("#not-ready").wait_for(state="hidden")
    assert page.get_by_role("button", name="Envoyer").is_enabled()


NOT_READY = {
    "ready": False,
    "model": "—",
    "is_factory": False,
    "problem": "loading",
    "fields": {},
    "issues": ["loading"],
}
