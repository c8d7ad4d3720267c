# SPDX-License-Identifier: Apache-2.0
"""Whatever is stored or shown comes out as text: in names, messages, searches and refusals."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import gguf
import pytest
from msgspec.structs import replace

from atre.plan.planning import factory_model_path
from atre_web.accounts import groups, invitations, keys, people, sessions, settings
from atre_web.accounts.database import connect, transaction
from atre_web.accounts.principal import Principal
from atre_web.chat import conversations, messages, prompts, words
from atre_web.chat.attachment import Attachment

if TYPE_CHECKING:
    from tests.browser.office import Office

pytestmark = pytest.mark.browser

_NOBODYS = "$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$" + "A" * 43


@pytest.fixture(scope="module")
def own_box(
    tmp_path_factory: pytest.TempPathFactory, serve_box: Callable[..., Any], hostile: ModuleType
) -> Iterator[Any]:
    """Marie's box, whose model is markup by its file, its name and its licence."""
    model = tmp_path_factory.mktemp("model") / "<img src=x onerror=canary()>.gguf"
    write_named(model, name=hostile.MARKUP[1], licence=hostile.MARKUP[0])
    with serve_box(tmp_path_factory.mktemp("box"), model=model) as running:
        yield running


@pytest.fixture(scope="module")
def box(own_box: Any, hostile: ModuleType) -> Any:
    """The same, where everything that has a name has one that is markup."""
    now = time.time()
    with closing(connect(own_box.database)) as connection:
        (manager,) = people.list_people(connection)
        settings.put(connection, settings.OFFICE_NAME, hostile.MARKUP[0])
        for number, text in enumerate(hostile.MARKUP):
            groups.create(connection, text, now=now)
            keys.create(connection, text, now=now, person_id=manager.id)
            invitations.invite(connection, text, "member", created_by=manager.id, now=now)
            sessions.create(connection, manager.id, device=text, now=now)
            with transaction(connection):
                login = f"{number}" + text.replace(" ", "")
                people.create(connection, text, login, "member", password=_NOBODYS, now=now)
        people.set_own(connection, manager.id, name=hostile.MARKUP[1], locale="fr")
    return own_box


def write_named(path: Path, *, name: str, licence: str) -> None:
    source: Any = gguf.GGUFReader(factory_model_path())
    writer: Any = gguf.GGUFWriter(path, source.fields["general.architecture"].contents())
    given = {"general.name": name, "general.license": licence}
    for key, field in source.fields.items():
        if key.startswith("GGUF.") or key in {"general.architecture", *given}:
            continue
        element = field.types[1] if len(field.types) > 1 else None
        writer.add_key_value(key, field.contents(), field.types[0], sub_type=element)
    for key, text in given.items():
        writer.add_string(key, text)
    for tensor in source.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def traces(page: Any, hostile: ModuleType) -> Any:
    # The pictures that failed to load have told so by the second frame.
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    return page.evaluate(hostile.TRACES)


def test_every_page_shows_stored_names_as_text(
    show: Callable[..., Any],
    offices: "dict[str, Office]",
    screens: ModuleType,
    hostile: ModuleType,
) -> None:
    # Fields that are written over would end the test; nothing that is stored is.
    at_work = [each for each in screens.SCREENS if each.host == "office" and each.act is None]
    page = show(at_work[0], init_script=hostile.WATCH, may_fail=["*"])
    seen = ""
    for screen in at_work:
        page.context.clear_cookies()
        if screen.reader != "nobody":
            offices["office"].sign_in(page.context, screen.reader)
        page.goto(screen.path.format(**offices["office"].places))
        assert traces(page, hostile) == hostile.UNTOUCHED, screen.name
        seen += page.locator("body").inner_text()
    for text in hostile.MARKUP:
        # Where a name is shown once with its controls and once cleaned, the text itself is there.
        assert text in seen, text


def test_the_scripts_show_the_models_name_as_text(
    enter: Callable[..., Any], hostile: ModuleType
) -> None:
    page = enter(init_script=hostile.WATCH)
    assert page.locator("#model").inner_text() == hostile.MARKUP[1]
    page.goto("/status")
    place = page.locator("[data-field=model]")
    page.evaluate("document.querySelector('[data-field=model]').textContent = ''")
    place.filter(has_text="onerror").wait_for()  # written again by the script
    assert place.inner_text() == hostile.MARKUP[1]
    assert page.locator("[data-field=licence]").inner_text() == hostile.MARKUP[0]
    assert traces(page, hostile) == hostile.UNTOUCHED


def test_what_is_asked_for_is_shown_as_text(enter: Callable[..., Any], hostile: ModuleType) -> None:
    page = enter(init_script=hostile.WATCH, may_fail=["*"])
    addresses = (
        "/help?q={}", "/help/{}", "/{}", "/invitation/{}", "/people/{}", "/claim?code={}",
        "/account?done={}", "/status?lang={}",
    )  # fmt: skip
    for address in addresses:
        for text in (hostile.MARKUP[1], hostile.MARKUP[2], hostile.MARKUP[4], hostile.CONTROLS[0]):
            page.goto(address.format(quote(text, safe="")))
            assert traces(page, hostile) == hostile.UNTOUCHED, (address, text)
    page.goto(f"/help?q={quote(hostile.MARKUP[2])}")
    assert page.get_by_role("searchbox").input_value() == hostile.MARKUP[2]


def test_what_is_typed_comes_back_as_text(
    visit: Callable[..., Any], lone_offices: "dict[str, Office]", hostile: ModuleType
) -> None:
    # On a panel of its own: so many wrong passwords close the door of this one for a while.
    page = visit(at=lone_offices["stopped"].url, init_script=hostile.WATCH)
    page.goto("/login")
    for text in hostile.MARKUP:
        page.locator("#login").fill(text)
        # Submitted without the check of the browser; the password is empty, so no hash is computed.
        page.evaluate("document.querySelector('form').noValidate = true")
        page.locator("#login").press("Enter")
        page.get_by_role("alert").wait_for()
        assert page.locator("#login").input_value() in {text, text[:64]}
        assert traces(page, hostile) == hostile.UNTOUCHED


def test_an_answer_is_text_while_it_streams(
    enter_temporary: Callable[..., Any], hostile: ModuleType
) -> None:
    page = enter_temporary(init_script=hostile.WATCH)
    answer = "\n\n".join((*hostile.MARKDOWN, *hostile.MARKUP, *hostile.CONTROLS))
    chunks = [
        {"choices": [{"delta": {kind: answer[at : at + 5]}}]}
        for kind in ("reasoning_content", "content")
        for at in range(0, len(answer), 5)
    ]
    events = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
    page.route(
        "**/v1/chat/completions",
        lambda route: route.fulfill(content_type="text/event-stream", body=events),
    )
    question = "\n".join((*hostile.MARKUP, *hostile.MARKDOWN))
    page.locator("#question").fill(question)
    page.locator("#send").click()
    page.locator(".again:visible").wait_for()
    check_thread(page, hostile)


def check_thread(page: Any, hostile: ModuleType) -> None:
    assert traces(page, hostile) == hostile.UNTOUCHED
    assert hostile.MARKUP[1] in page.locator(".mine").inner_text()
    assert hostile.MARKUP[1] in page.locator("#thread .prose").last.inner_text()
    links = page.locator("#thread .prose a").evaluate_all("all => all.map((a) => a.href)")
    assert [link for link in links if link] == []
    page.locator("#thread summary").first.click()
    assert traces(page, hostile) == hostile.UNTOUCHED


def keep_hostile(database: Path, hostile: ModuleType) -> str:
    """Keep a conversation of Marie's in which everything is markup, and return its id."""
    said = "\n\n".join((*hostile.MARKDOWN, *hostile.MARKUP, *hostile.CONTROLS))
    files = [Attachment(name, said) for name in hostile.MARKUP]
    now = time.time()
    with closing(connect(database)) as connection:
        marie = next(each for each in people.list_people(connection) if each.login == "marie")
        with transaction(connection):
            kept = conversations.create(connection, marie.id, hostile.MARKUP[1], now=now)
            question = messages.add_question(
                connection, kept, None, said, files, indexed=words.indexed(said), now=now
            )
            answer = messages.add_answer(connection, kept, question, now=now, beat=time.monotonic())
        (begun,) = messages.read(connection, [answer])
        model = hostile.MARKUP[0]
        written = replace(begun, state="done", text=said, reasoning=said, model=model)
        messages.finish(connection, written)
        owner = Principal(
            kind="session", name=marie.name, id="", person_id=marie.id, role="manager"
        )
        prompts.create(connection, owner, hostile.MARKUP[1], said, is_shared=True, now=now)
    return kept


@pytest.mark.parametrize("scripts", [True, False])
def test_a_kept_conversation_is_text(
    enter: Callable[..., Any],
    box: Any,
    hostile: ModuleType,
    scripts: bool,  # noqa: FBT001
) -> None:
    kept = keep_hostile(box.database, hostile)
    page = enter(init_script=hostile.WATCH, may_fail=["*"])
    if not scripts:
        # The pages' own scripts do not run; the test's do.
        page.route("**/static/js/*", lambda route: route.abort())
    for path in (
        f"/chat/{kept}",
        "/history",
        "/history?q=onerror",
        "/prompts",
        f"/chat/{kept}/manage",
    ):
        page.goto(path)
        assert traces(page, hostile) == hostile.UNTOUCHED, path
        assert hostile.MARKUP[1] in page.locator("body").inner_text(), path
    if scripts:
        page.goto(f"/chat/{kept}")
        page.locator(".again:visible").wait_for()
        check_thread(page, hostile)


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/people/groups", {}),
        ("/people/invitations", {"role": "member"}),
        ("/account", {"locale": "fr"}),
        ("/account/keys", {"scope": "chat"}),
    ],
)
def test_what_is_no_name_is_refused_with_a_page(
    enter: Callable[..., Any], hostile: ModuleType, path: str, fields: dict[str, str]
) -> None:
    page = enter()
    origin = page.evaluate("location.origin")
    for text in hostile.NO_NAMES:
        answer = page.request.post(
            path, form=fields | {"name": text}, headers={"Origin": origin, "Accept": "text/html"}
        )
        assert answer.status in {400, 413}, (text[:20], answer.status)
        assert "<h1>" in answer.text()
