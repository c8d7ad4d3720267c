# SPDX-License-Identifier: Apache-2.0
import json
import re
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
# Hands a mocked stream over line by line, as a network does.
LINE_BY_LINE = """() => {
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
}"""

# Notes what is to be seen of the thoughts beside what is to be seen of the answer.
WATCH_THOUGHTS = """() => {
  window.seen = [];
  new MutationObserver(() => {
    const part = document.querySelector("#thread .reasoning");
    const prose = document.querySelector("#thread .prose.writing");
    if (part && prose)
      window.seen.push([part.open, part.innerText.split("\\n").at(-1), prose.textContent]);
  }).observe(
    document.getElementById("thread"), { childList: true, subtree: true, attributes: true });
}"""


def ask(page: Any, question: str = QUESTION) -> None:
    page.get_by_label("Votre question").fill(question)
    page.get_by_label("Votre question").press("Enter")


def answered(page: Any, number: int = 1) -> str:
    """Wait until the page has that many answers, the last one whole."""
    page.locator("#thread .prose").nth(number - 1).wait_for()
    page.locator("#thread .turn:last-child .again:visible").wait_for()
    return str(page.locator("#thread .prose").last.inner_text())


def reply_with(page: Any, *chunks: dict[str, Any], end: str = "data: [DONE]\n\n") -> None:
    """Have the browser see this stream in place of the box's."""
    body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + end
    page.route(
        "**/v1/chat/completions",
        lambda route: route.fulfill(content_type="text/event-stream", body=body),
    )


def text_chunk(text: str, key: str = "content") -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {key: text}, "finish_reason": None}]}


def thought_chunk(text: str) -> dict[str, Any]:
    return text_chunk(text, "reasoning_content")


def test_an_answer_comes_token_by_token(enter: Callable[..., Any]) -> None:
    page = enter()
    ask(page, "Bonjour")
    answered(page)
    page.evaluate(LINE_BY_LINE)  # the box holds an answer of the factory model until its end
    page.evaluate(COUNT_UPDATES)
    ask(page)
    assert len(answered(page, 2)) > 20
    assert page.evaluate("window.shown.size") >= 3
    assert page.locator(".mine").last.text_content() == f"Vous {QUESTION}"
    foot = page.locator(".turn-foot").last.inner_text()
    assert "jetons" in foot
    assert re.search(r"\d\ss\b", foot)
    assert page.locator("#announcer").inner_text() == "Réponse terminée."


def test_escape_stops_too(enter_temporary: Callable[..., Any]) -> None:
    page = enter_temporary()
    page.route("**/v1/chat/completions", lambda _route: None)  # an answer that never begins
    ask(page)
    page.get_by_role("button", name="Arrêter la réponse").wait_for()
    page.keyboard.press("Escape")
    page.get_by_text("Arrêtée à votre demande").wait_for()


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


def test_hostile_markdown_is_harmless(enter_temporary: Callable[..., Any]) -> None:
    page = enter_temporary()
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


def test_a_question_is_text_not_markup(enter_temporary: Callable[..., Any]) -> None:
    page = enter_temporary()
    reply_with(page, text_chunk("ok"))
    ask(page, "<img src=x onerror=window.hacked=1> **gras**")
    answered(page)
    assert page.locator(".mine img").count() == 0
    assert "**gras**" in page.locator(".mine").inner_text()


def test_waiting_is_told_before_the_first_token(enter_temporary: Callable[..., Any]) -> None:
    page = enter_temporary()
    page.evaluate("""() => {
      window.said = [];
      new MutationObserver(() => {
        const waiting = document.querySelector(".waiting");
        if (waiting) window.said.push(waiting.textContent);
      }).observe(document.getElementById("thread"), { childList: true, subtree: true });
    }""")
    page.evaluate(LINE_BY_LINE)
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


THOUGHTS = [thought_chunk("Le client <b>veut</b>"), thought_chunk(" une date.")]


def test_what_the_model_thinks_is_shown_until_it_answers(
    enter_temporary: Callable[..., Any],
) -> None:
    page = enter_temporary()
    page.evaluate(LINE_BY_LINE)
    page.evaluate(WATCH_THOUGHTS)
    reply_with(page, *THOUGHTS, text_chunk("Lundi"), text_chunk(" matin."))
    ask(page)
    assert answered(page) == "Lundi matin."
    seen = page.evaluate("window.seen")
    beginning = "Le client <b>veut</b>"
    assert any(
        is_open and part.startswith(beginning) and not prose for is_open, part, prose in seen
    )
    assert not any(is_open and prose for is_open, _, prose in seen)
    thoughts = page.locator("#thread .thoughts")
    assert not thoughts.is_visible()
    page.locator("#thread summary", has_text="Réflexion").focus()
    page.keyboard.press("Enter")
    assert thoughts.inner_text() == "Le client <b>veut</b> une date."
    with page.expect_request("**/v1/chat/completions") as sent:
        ask(page, "Et mardi ?")
    assert sent.value.post_data_json["messages"][1] == {
        "role": "assistant", "content": "Lundi matin."
    }  # fmt: skip


def test_thoughts_that_were_closed_by_hand_stay_closed(enter_temporary: Callable[..., Any]) -> None:
    page = enter_temporary(locale="en-GB")
    page.evaluate(LINE_BY_LINE)
    page.evaluate("""() => {
      new MutationObserver((_, observer) => {
        const summary = document.querySelector("#thread .reasoning[open] summary");
        if (!summary) return;
        observer.disconnect();
        summary.click();
        window.wasOpenedAgain = false;
        new MutationObserver(() => {
          if (document.querySelector("#thread .reasoning[open]")) window.wasOpenedAgain = true;
        }).observe(summary.parentElement, { attributes: true, childList: true, subtree: true });
      }).observe(
        document.getElementById("thread"), { childList: true, subtree: true, attributes: true });
    }""")
    reply_with(page, *THOUGHTS, *[thought_chunk(" Encore.") for _ in range(8)], text_chunk("Oui."))
    page.get_by_label("Your question").fill("When?")
    page.get_by_label("Your question").press("Enter")
    page.get_by_role("button", name="Regenerate").wait_for()
    assert page.evaluate("window.wasOpenedAgain") is False
    page.get_by_text("Reasoning").click()
    assert page.locator("#thread .thoughts").is_visible()


def test_an_answer_without_thoughts_has_no_such_part(enter_temporary: Callable[..., Any]) -> None:
    page = enter_temporary()
    reply_with(page, text_chunk("Lundi."))
    ask(page)
    answered(page)
    assert not page.locator("#thread .reasoning").is_visible()


def test_thoughts_alone_are_kept_and_the_missing_answer_is_told(
    enter_temporary: Callable[..., Any],
) -> None:
    page = enter_temporary()
    reply_with(page, *THOUGHTS)
    ask(page)
    assert "n’a rien répondu" in page.locator("#thread .problem").inner_text()
    page.locator("#thread summary").click()
    assert "une date" in page.locator("#thread .thoughts").inner_text()


REFUSALS = [
    (429, {"Retry-After": "7"}, {"code": "queue_full"}, "Réessayez dans 7 secondes"),
    (
        400,
        {},
        {"code": "context_length_exceeded", "n_prompt_tokens": 9000, "n_ctx": 8192},
        "9\u202f000 jetons avec ses fichiers\u00a0; ce modèle en lit 8\u202f192",
    ),
    (503, {}, {"type": "server_error", "code": "engine_unavailable"}, "redémarre"),
    (503, {}, {"type": "server_error", "code": "no_model"}, "ne peut pas être chargé"),
    (400, {}, {"message": "No <b>such</b> thing."}, "refusée\u00a0: No <b>such</b> thing."),
    (401, {}, {"code": "invalid_api_key"}, "Votre session a expiré"),
]


@pytest.mark.parametrize(("status", "headers", "error", "told"), REFUSALS)
def test_a_refusal_is_told_in_words(
    enter_temporary: Callable[..., Any],
    status: int,
    headers: dict[str, str],
    error: dict[str, str],
    told: str,
) -> None:
    page = enter_temporary(may_fail=["/v1/chat/completions"])
    body = json.dumps({"error": {"message": "", "type": "", "param": None, "code": None} | error})
    answer = {"status": status, "headers": headers, "content_type": "application/json"}
    page.route("**/v1/chat/completions", lambda route: route.fulfill(body=body, **answer))
    ask(page)
    assert told in page.locator("#thread .problem").inner_text()
    assert page.locator("#announcer").inner_text() == "La réponse a échoué."
    page.unroute("**/v1/chat/completions")
    page.get_by_role("button", name="Réessayer").click()
    assert answered(page)


def test_an_error_in_the_middle_keeps_the_beginning(enter_temporary: Callable[..., Any]) -> None:
    page = enter_temporary()
    lost = {"error": {"message": "lost", "type": "server_error", "code": "engine_unavailable"}}
    reply_with(page, text_chunk("Le début"), lost, end="")
    ask(page)
    page.get_by_role("button", name="Réessayer").wait_for()
    assert "Le début" in page.locator("#thread .prose").inner_text()
    assert "redémarre" in page.locator("#thread .problem").inner_text()


def test_a_stream_that_is_cut_is_told(enter_temporary: Callable[..., Any]) -> None:
    page = enter_temporary()
    reply_with(page, text_chunk("Le début"), end="")
    ask(page)
    assert "interrompue" in page.locator("#thread .problem").inner_text()


def test_a_lost_network_is_told(enter_temporary: Callable[..., Any]) -> None:
    page = enter_temporary(may_fail=["/v1/chat/completions"])
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
