# SPDX-License-Identifier: Apache-2.0
"""The main tasks without a mouse, and what somebody hears who does not see the screen."""

import json
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.browser.office import Office

pytestmark = pytest.mark.browser

PASSWORD = "quatre mots à la suite"
MOST_STOPS = 150  # of the Tab key on one page

# Where the focus is, whether that is to be seen, and whether it is within the window. A text field
# in a frame of its own may leave the ring to the frame.
FOCUS = """() => {
  const element = document.activeElement;
  if (element === document.body) return null;
  const ring = getComputedStyle(element);
  const frame = getComputedStyle(element.closest("form") ?? element);
  const place = element.getBoundingClientRect();
  return {
    name: element.outerHTML.slice(0, 120),
    isVisible: (ring.outlineStyle !== "none" && parseFloat(ring.outlineWidth) >= 2)
      || frame.boxShadow !== "none",
    isWithin: place.bottom > 0 && place.top < innerHeight
      && place.right > 0 && place.left < innerWidth,
  };
}"""
HEARD = """() => {
  window.heard = [];
  new MutationObserver((changes) => {
    for (const { target } of changes) {
      const region = (target.nodeType === 1 ? target : target.parentElement)
        ?.closest("[aria-live], [role=status], [role=alert], [role=log], output");
      if (region) window.heard.push(region.textContent);
    }
  }).observe(document.body, { childList: true, subtree: true, characterData: true });
}"""


class Keys:
    """Somebody at a keyboard."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        self.page.keyboard.type(text)

    def go_to(self, place: Any, key: str = "Tab") -> None:
        """Press Tab until the focus is there."""
        for _ in range(MOST_STOPS):
            if place.evaluate("element => element === document.activeElement"):
                return
            self.press(key)
        pytest.fail(f"the keyboard does not reach {place}")


def reply_with(page: Any, text: str) -> None:
    """Have the browser see an answer of one token a letter."""
    chunks = [{"choices": [{"delta": {"content": letter}}]} for letter in text]
    body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
    page.route(
        "**/v1/chat/completions",
        lambda route: route.fulfill(content_type="text/event-stream", body=body),
    )


def test_from_signing_in_to_an_answer_copied_and_help_found(visit: Callable[..., Any]) -> None:
    page = visit(permissions=["clipboard-read", "clipboard-write"])
    keys = Keys(page)
    page.goto("/")
    keys.type("marie")
    keys.press("Tab")
    keys.type(PASSWORD)
    keys.press("Enter")
    page.locator("#suggestions").wait_for()
    reply_with(page, "Lundi matin.")
    keys.type("Quand livre-t-on ?")  # the field has the focus
    keys.press("Enter")
    page.locator(".again:visible").wait_for()
    keys.go_to(page.get_by_role("button", name="Copier"), "Shift+Tab")
    keys.press("Enter")
    page.get_by_role("button", name="Copié").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == "Lundi matin."
    keys.go_to(page.get_by_role("link", name="English"), "Shift+Tab")
    keys.press("Enter")
    page.get_by_role("button", name="Regenerate").wait_for()
    keys.go_to(page.get_by_role("link", name="Help"), "Shift+Tab")
    keys.press("Enter")
    page.get_by_role("searchbox").wait_for()
    keys.go_to(page.get_by_role("searchbox"))
    keys.type("lost my key")
    keys.press("Enter")
    page.locator(".hits").wait_for()
    keys.go_to(page.locator(".hits a").first)
    keys.press("Enter")
    page.locator("article h1").wait_for()


def test_an_answer_is_stopped_by_its_button_and_the_focus_comes_back(
    enter: Callable[..., Any],
) -> None:
    page = enter()
    keys = Keys(page)
    page.route("**/v1/chat/completions", lambda _route: None)  # an answer that never begins
    keys.type("Bonjour")
    keys.press("Enter")
    keys.go_to(page.get_by_role("button", name="Arrêter la réponse"))
    keys.press("Enter")
    page.get_by_text("Arrêtée à votre demande").wait_for()
    assert page.evaluate("document.activeElement.id") == "question"


def test_the_first_stop_leads_past_the_bar(enter: Callable[..., Any]) -> None:
    page = enter()
    page.goto("/help")
    keys = Keys(page)
    keys.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    keys.press("Enter", "Tab")
    assert page.evaluate("main.contains(document.activeElement)")


def test_the_focus_is_seen_wherever_it_goes_and_is_never_caught(
    show: Callable[..., Any], offices: "dict[str, Office]", screens: ModuleType
) -> None:
    at_work = [each for each in screens.SCREENS if each.host == "office" and each.act is None]
    page = show(at_work[0], may_fail=["*"])
    for screen in at_work:
        page.context.clear_cookies()
        if screen.reader != "nobody":
            offices["office"].sign_in(page.context, screen.reader)
        page.goto(screen.path.format(**offices["office"].places))
        for _ in range(MOST_STOPS):
            page.keyboard.press("Tab")
            focus = page.evaluate(FOCUS)
            if focus is None:
                break
            assert focus["isVisible"], (screen.name, focus)
            assert focus["isWithin"], (screen.name, focus)
        else:
            pytest.fail(f"{screen.name}: the keyboard never leaves {focus}")


def test_an_answer_is_announced_by_its_beginning_and_end_not_by_its_tokens(
    enter: Callable[..., Any],
) -> None:
    page = enter()
    page.evaluate(HEARD)
    reply_with(page, "Une réponse assez longue pour gêner qui l’entendrait lettre par lettre.")
    page.locator("#question").fill("Quand ?")
    page.locator("#question").press("Enter")
    page.locator(".again:visible").wait_for()
    heard = list(dict.fromkeys(page.evaluate("window.heard")))
    assert heard == ["La réponse commence.", "Réponse terminée."]


@pytest.mark.parametrize(("wish", "moves"), [("no-preference", True), ("reduce", False)])
def test_nothing_moves_for_whom_asked_for_rest(
    enter: Callable[..., Any],
    wish: str,
    moves: bool,  # noqa: FBT001
) -> None:
    page = enter(reduced_motion=wish)
    page.evaluate(
        "thread.append(Object.assign(document.createElement('div'), {className: 'prose writing'}))"
    )
    assert page.evaluate("document.getAnimations().length > 0") is moves
