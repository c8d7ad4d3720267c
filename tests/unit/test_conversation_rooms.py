# SPDX-License-Identifier: Apache-2.0
"""Whose conversations are whose: search, deletion, prompts, forms and garbage."""

import re
import sqlite3
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from tests.conversations import ROOT, begin, finish, ids, read

from atre.space.limits import SpaceLimits
from atre_web.accounts import people
from atre_web.accounts.authorisation import routes
from atre_web.accounts.database import transaction
from atre_web.accounts.principal import Role
from atre_web.chat import attachment_limit, messages, words
from atre_web.openai.document import openapi_document


def test_nobody_reaches_the_conversations_of_others(
    chat_app: Flask, asked_engine: Any, sign_in: Callable[[Role], FlaskClient]
) -> None:
    member, manager = sign_in("member"), sign_in("manager")
    talk = begin(member, "Mon secret")
    finish(chat_app, asked_engine)
    own = begin(manager, "Le mien")
    finish(chat_app, asked_engine)
    path, question, answer = f"{ROOT}/{talk['id']}", *ids(talk)
    body = {"question": "x"}
    for other in (
        manager.get(path),
        manager.get(f"{path}?all=1"),
        manager.patch(path, json={"title": "x"}),
        manager.delete(path),
        manager.post(f"{path}/questions", json=body),
        manager.post(f"{path}/answers", json={"question_id": question}),
        manager.post(f"{path}/answers/{answer}/stop"),
        manager.get(f"{path}/answers/{answer}/events"),
        manager.get(f"/chat/{talk['id']}"),
        manager.get(f"/chat/{talk['id']}/manage"),
        manager.get(f"/chat/{talk['id']}/export.md"),
        manager.get(f"/chat/{talk['id']}/export.json"),
        manager.post(f"/chat/{talk['id']}/delete"),
        # Somebody else's message, named in one's own conversation:
        manager.post(f"{ROOT}/{own['id']}/answers", json={"question_id": question}),
        manager.post(f"{ROOT}/{own['id']}/questions", json=body | {"parent_id": answer}),
        manager.post(f"{ROOT}/{own['id']}/questions", json=body | {"replaces": question}),
        manager.patch(f"{ROOT}/{own['id']}", json={"shown_id": answer}),
        manager.get(f"{ROOT}/{own['id']}/answers/{answer}/events"),
        manager.post(f"{ROOT}/{own['id']}/answers/{answer}/stop"),
    ):
        assert other.status_code == 404, other.request.url
    assert "secret" not in manager.get(ROOT).text
    assert "secret" not in manager.get(f"{ROOT}?q=secret").text
    assert "Mon secret" not in manager.get("/history?q=secret").text
    assert "secret" in member.get(f"{ROOT}?q=secrets").text
    assert read(member, talk)["messages"][0]["text"] == "Mon secret"


def test_a_file_is_found_by_its_name_and_the_page_says_that_its_text_is_not(
    chat_app: Flask, asked_engine: Any, member: FlaskClient
) -> None:
    file = {"name": "Devis-toiture.csv", "text": "ardoise;12"}
    talk = begin(member, "Combien ?", attachments=[file])
    finish(chat_app, asked_engine)

    def ids_of(words: str) -> list[str]:
        return [each["id"] for each in (member.get(f"{ROOT}?q={words}").json or {})["data"]]

    assert ids_of("devis toiture combien") == [talk["id"]]
    assert ids_of("ardoise") == []
    # Asked otherwise, the question keeps its file.
    question = ids(talk)[0]
    body = {"question": "Autrement", "replaces": question}
    assert member.post(f"{ROOT}/{talk['id']}/questions", json=body).status_code == 201
    finish(chat_app, asked_engine)
    assert ids_of("devis autrement") == [talk["id"]]
    page = member.get("/history", headers={"Accept": "text/html", "Accept-Language": "fr"}).text
    assert "mais pas le texte de ces fichiers" in page


def test_search_finds_words_whatever_their_endings_and_forgets_what_is_deleted(
    chat_app: Flask, asked_engine: Any, member: FlaskClient, database: sqlite3.Connection
) -> None:
    talk = begin(member, "Où sont les factures ?")
    finish(chat_app, asked_engine, "Dans l’armoire métallique.")
    begin(member, "Autre chose")
    finish(chat_app, asked_engine)
    for asked in ("facture", "FACTURES", "metalliques armoire", "armoi"):
        (hit,) = (member.get(ROOT, query_string={"q": asked}).json or {})["data"]
        assert hit["id"] == talk["id"], asked
    member.patch(f"{ROOT}/{talk['id']}", json={"title": "Rangement <b>"})
    (hit,) = (member.get(ROOT, query_string={"q": "rangements"}).json or {})["data"]
    assert hit["message_id"] is None
    for syntax in ('"', "facture AND", "NEAR(", "*", "words:x", "a\x00b", "-"):
        assert member.get(ROOT, query_string={"q": syntax}).status_code == 200
    member.delete(f"{ROOT}/{talk['id']}")
    assert (member.get(f"{ROOT}?q=facture").json or {})["data"] == []
    blocks = database.execute("SELECT block FROM message_words_data").fetchall()
    assert not any(b"factur" in bytes(row[0]) for row in blocks), "not a word is left on the disk"


def test_a_conversation_full_of_a_word_hides_no_other_that_has_it_once(
    chat_app: Flask, asked_engine: Any, member: FlaskClient, database: sqlite3.Connection
) -> None:
    once = begin(member, "Une facture")
    finish(chat_app, asked_engine)
    full = begin(member, "Facture")
    finish(chat_app, asked_engine)
    with transaction(database):
        for _ in range(1000):
            messages.add_question(
                database, full["id"], ids(full)[-1], "facture", [], indexed="facture", now=0.0
            )
    hits = (member.get(f"{ROOT}?q=facture").json or {})["data"]
    assert [(hit["id"], hit["message_id"]) for hit in hits] == [
        (full["id"], ids(full)[0]), (once["id"], ids(once)[0]),
    ]  # fmt: skip


def test_a_search_looks_the_words_up_once_and_reads_no_other_message(
    chat_app: Flask, database: sqlite3.Connection
) -> None:
    assert chat_app
    plan = [
        row["detail"] for row in database.execute(f"EXPLAIN QUERY PLAN {words._FIND}", ("a", "b"))
    ]
    assert [line for line in plan if "messages" in line] == [
        "SEARCH messages USING COVERING INDEX messages_conversation (conversation_id=?)"
    ]
    assert [line for line in plan if "message_words" in line] == [
        "SCAN message_words VIRTUAL TABLE INDEX 0:M1"
    ]
    (once,) = (line for line in plan if "LIST SUBQUERY" in line)
    assert "CORRELATED" not in once


def test_deleting_a_person_deletes_what_they_said(
    chat_app: Flask, asked_engine: Any, sign_in: Callable[[Role], FlaskClient],
    database: sqlite3.Connection,
) -> None:  # fmt: skip
    member, manager = sign_in("member"), sign_in("manager")
    for client in (member, manager):
        begin(client, "Parlons factures", attachments=[{"name": "a.txt", "text": "b"}])
        finish(chat_app, asked_engine)
        client.post("/prompts", data={"title": "T", "text": "x", "shared": "on"})
    gone = people.by_login(database, "member")
    assert gone is not None
    people.delete(database, gone.id, version=gone.version)
    for table, left in (
        ("conversations", 1), ("messages", 2), ("attachments", 1), ("message_words", 2),
        ("prompts", 1),
    ):  # fmt: skip
        (num,) = database.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
        assert num == left, table
    assert (member.get(ROOT)).status_code == 401


def test_a_conversation_as_long_as_it_gets_can_be_deleted(
    member: FlaskClient, chat_app: Flask, asked_engine: Any, database: sqlite3.Connection
) -> None:
    talk = begin(member)
    finish(chat_app, asked_engine)
    parent = ids(talk)[-1]
    with transaction(database):
        for _ in range(3000):
            parent = messages.add_question(
                database, talk["id"], parent, "x", [], indexed="x", now=0.0
            )
    assert member.get(f"/chat/{talk['id']}").status_code == 200
    assert member.delete(f"{ROOT}/{talk['id']}").status_code == 204
    assert database.execute("SELECT count(*) FROM messages").fetchone()[0] == 0


BAD = [
    {},
    {"question": 7},
    {"question": ""},
    {"question": " \n "},
    {"question": "x" * 200_001},
    {"question": "x", "extra": 1},
    {"question": "x", "parent_id": "1"},
    {"question": "x", "parent_id": -1},
    {"question": "x", "attachments": [{"name": "a"}]},
    {"question": "x", "attachments": [{"name": "a", "text": "b"}] * 6},
    {"question": "x", "attachments": [{"name": "a", "text": "\x00\x01"}]},
    {"question": "x", "attachments": [{"name": "a", "text": "y" * (1024 * 1024 + 1)}]},
    [],
    "x",
]


@pytest.mark.parametrize("body", BAD)
def test_garbage_is_refused_with_a_sentence(member: FlaskClient, body: Any) -> None:
    answer = member.post(ROOT, json=body)
    assert answer.status_code == 400
    assert len((answer.json or {})["error"]["message"]) > 10
    assert (member.get(ROOT).json or {})["data"] == []


def test_titles_and_forms_stand_anything(
    chat_app: Flask, asked_engine: Any, member: FlaskClient
) -> None:
    talk = begin(member, "\x00\x1b[31m\u202e" + "é" * 100_000)
    finish(chat_app, asked_engine)
    assert talk["title"].isprintable()
    path = f"{ROOT}/{talk['id']}"
    for title in ("", "\u202e", "\x00"):
        assert member.patch(path, json={"title": title}).status_code == 400
    assert member.patch(path, json={"title": "x" * 1_000_000}).status_code == 200
    assert member.patch(path, json={"title": None, "shown_id": 2**53}).status_code == 404
    for form in ({}, {"question": ""}, {"question": "x", "parent_id": "9" * 30}):
        assert member.post(f"/chat/{talk['id']}", data=form).status_code in {400, 404}
    assert member.post(f"/chat/{talk['id']}/rename", data={"title": ""}).status_code == 400
    assert member.get(f"/chat/{talk['id']}/export.exe").status_code == 404
    assert member.get("/history?skip=x&q=" + "a" * 3000).status_code == 200
    assert member.get("/?prompt=nothing").status_code == 404


def test_a_plain_form_asks_attaches_and_reads(
    chat_app: Flask, asked_engine: Any, member: FlaskClient
) -> None:
    name = "<b>\u202eliste.csv"
    answer = member.post(
        "/chat",
        data={"question": "Qui ?", "files": (BytesIO("nom\nZoé".encode("cp1252")), name)},
        headers={"Accept": "text/html"},
    )
    assert answer.status_code == 303
    path = answer.headers["Location"].partition("#")[0]
    waiting = member.get(path, headers={"Accept": "text/html"}).text
    assert '<noscript><meta http-equiv="refresh"' in waiting
    finish(chat_app, asked_engine, "**Zoé**")
    page = member.get(path, headers={"Accept": "text/html"}).text
    assert "<bdi>&lt;b&gt;liste.csv</bdi>" in page
    assert "<strong>Zoé</strong>" in page
    assert 'http-equiv="refresh"' not in page
    assert "Zoé" in (asked_engine.asked[0].request.messages or [])[0].content
    binary = {"question": "?", "files": (BytesIO(b"\x89PNG\x00\x01"), "photo.png")}
    refused = member.post(path, data=binary, headers={"Accept": "text/html"})
    assert refused.status_code == 400
    assert "n’est pas un fichier texte" in refused.text
    exported = member.get(f"{path}/export.md")
    assert exported.headers["Content-Disposition"].startswith("attachment")
    assert "**Zoé**" in exported.text


def test_guests_use_shared_prompts_and_change_none(
    sign_in: Callable[[Role], FlaskClient],
) -> None:
    member, manager, guest = sign_in("member"), sign_in("manager"), sign_in("guest")
    for title, ticked in (("Partagé", {"shared": "on"}), ("À moi", {})):
        assert (
            member.post("/prompts", data={"title": title, "text": "T"} | ticked).status_code == 303
        )

    def seen(client: FlaskClient) -> dict[str, str]:
        listed = (client.get("/api/panel/prompts").json or {})["data"]
        return {each["title"]: each["id"] for each in listed}

    assert set(seen(member)) == {"Partagé", "À moi"}
    assert set(seen(guest)) == set(seen(manager)) == {"Partagé"}
    shared, own = seen(member)["Partagé"], seen(member)["À moi"]
    assert guest.post("/prompts", data={"title": "x", "text": "y"}).status_code == 403
    assert guest.post(f"/prompts/{shared}/delete").status_code == 403
    assert manager.post(f"/prompts/{own}/delete").status_code == 404
    assert manager.get(f"/?prompt={own}").status_code == 404
    assert guest.get(f"/?prompt={shared}").status_code == 200
    bad: list[dict[str, str]] = [{}]
    for form in (*bad, {"title": "\u202e", "text": "x"}, {"title": "x", "text": "y" * 20_001}):
        assert member.post(f"/prompts/{shared}", data=form).status_code == 400
    assert manager.post(f"/prompts/{shared}/delete").status_code == 303
    assert set(seen(guest)) == set()


def test_another_site_cannot_ask_in_ones_name(member: FlaskClient) -> None:
    for headers in ({"Origin": "https://e.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert member.post(ROOT, json={"question": "x"}, headers=headers).status_code == 403
        assert member.post("/chat", data={"question": "x"}, headers=headers).status_code == 403


def test_every_json_route_is_in_the_openapi_document(chat_app: Flask) -> None:
    written = {
        (re.sub(r"\{(\w+)\}", "<>", path), method.upper())
        for path, operations in openapi_document()["paths"].items()
        for method in operations
    }
    served = {
        (re.sub(r"<[^>]+>", "<>", rule), method)
        for method, rule in routes(chat_app)
        if rule.startswith((ROOT, "/api/panel/prompts", "/api/panel/attachments"))
    }
    assert len(served) == 11
    assert served <= written


def test_files_beyond_the_managers_limit_are_refused_and_words_are_not(
    chat_app: Flask, asked_engine: Any, member: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = SpaceLimits(attachments=10)
    monkeypatch.setattr(attachment_limit, "read_limits", lambda _: limits)
    large = [{"name": "a.txt", "text": "b" * 11}]
    refused = member.post(ROOT, json={"question": "x", "attachments": large})
    assert refused.status_code == 400
    talk = begin(member, "x", attachments=[{"name": "a.txt", "text": "b" * 6}])
    finish(chat_app, asked_engine)
    # Asked otherwise, its files are kept once more.
    again = {"question": "y", "replaces": ids(read(member, talk))[0]}
    assert member.post(f"{ROOT}/{talk['id']}/questions", json=again).status_code == 400
    form = {"question": "?", "files": (BytesIO(b"bbbbb"), "c.txt")}
    page = member.post(f"/chat/{talk['id']}", data=form, headers={"Accept": "text/html"})
    assert page.status_code == 400
    assert "ont atteint la place" in page.text
    begin(member, "sans fichier")
