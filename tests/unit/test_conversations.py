# SPDX-License-Identifier: Apache-2.0
"""Answers that are written, watched, stopped and lost; the engine says what it is told to."""

import sqlite3
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from flask import Flask
from flask.testing import FlaskClient
from markupsafe import escape
from tests.conversations import END, PATIENCE_S, ROOT, begin, desk_of, finish, ids, live_of, read

from atre.config import Config
from atre.errors import ContextLengthError
from atre.handbook.plan import PageLink
from atre.ipc.energy_messages import RequestEnergy
from atre.ipc.messages import Accepted, Delta, Queued
from atre.ipc.power_basis import Basis
from atre_web.accounts.door import open_door
from atre_web.chat import follow, messages
from atre_web.chat.desk import Desk
from atre_web.chat.live import Live
from atre_web.openai import chat
from atre_web.openai.origin import Origin


def test_an_answer_is_written_without_anybody_watching(
    chat_app: Flask, asked_engine: Any, member: FlaskClient
) -> None:
    talk = begin(member)
    assert talk["title"] == "Combien ?"
    assert [each["state"] for each in talk["messages"]] == ["done", "running"]
    finish(chat_app, asked_engine)
    question, answer = read(member, talk)["messages"]
    assert (question["text"], answer["text"], answer["state"]) == (
        "Combien ?",
        "Douze euros.",
        "done",
    )
    assert (answer["model"], answer["completion_tokens"]) == ("m", 2)
    assert asked_engine.asked[0].request.user.startswith("person:")
    assert asked_engine.asked[0].request.priority == "chat"
    assert asked_engine.asked[0].is_closed


def test_the_next_question_takes_the_whole_branch_along(
    chat_app: Flask, asked_engine: Any, member: FlaskClient
) -> None:
    talk = begin(member)
    finish(chat_app, asked_engine)
    answer = member.post(f"{ROOT}/{talk['id']}/questions", json={"question": "Et deux ?"})
    assert answer.status_code == 201
    said = [(each.role, each.content) for each in asked_engine.asked[1].request.messages or []]
    assert said == [("user", "Combien ?"), ("assistant", "Douze euros."), ("user", "Et deux ?")]


def test_editing_and_asking_again_make_branches(
    chat_app: Flask, asked_engine: Any, member: FlaskClient
) -> None:
    talk = begin(member, attachments=[{"name": "p.csv", "text": "a;1"}])
    finish(chat_app, asked_engine)
    first = read(member, talk)
    question, answer = ids(first)
    member.post(f"{ROOT}/{talk['id']}/answers", json={"question_id": question})
    finish(chat_app, asked_engine, "Treize.")
    again = read(member, talk)
    assert again["messages"][-1]["place"] == {
        "number": 2, "count": 2, "previous": answer, "next": None
    }  # fmt: skip
    member.post(f"{ROOT}/{talk['id']}/questions", json={"question": "Ou ?", "replaces": question})
    finish(chat_app, asked_engine, "Ici.")
    edited = read(member, talk)
    assert edited["messages"][0]["place"]["count"] == 2
    assert edited["messages"][0]["attachments"][0]["name"] == "p.csv", "its files stay"
    assert "a;1" in (asked_engine.asked[2].request.messages or [])[0].content
    shown = member.patch(f"{ROOT}/{talk['id']}", json={"shown_id": answer}).json
    assert shown is not None
    assert ids(shown) == [question, answer]
    assert ids(read(member, talk)) == [question, answer], "it is kept"


def test_one_answer_at_a_time_whichever_tab_asks(
    chat_app: Flask, asked_engine: Any, member: FlaskClient
) -> None:
    talk = begin(member)
    refused = member.post(f"{ROOT}/{talk['id']}/questions", json={"question": "Vite !"})
    assert refused.status_code == 409
    assert len(read(member, talk)["messages"]) == 2, "the refused question left nothing"
    finish(chat_app, asked_engine)
    assert member.post(f"{ROOT}/{talk['id']}/questions", json={"question": "!"}).status_code == 201
    finish(chat_app, asked_engine)


def test_stop_keeps_what_was_written(
    chat_app: Flask, asked_engine: Any, member: FlaskClient
) -> None:
    talk = begin(member)
    live = live_of(chat_app, talk)
    asked_engine.asked[0].give(Accepted(model="m", prompt_tokens=7), Delta(text="Douze"))
    live.after(0, timeout_s=PATIENCE_S)
    path = f"{ROOT}/{talk['id']}/answers/{live.answer_id}/stop"
    assert member.post(path).status_code == 204
    assert live.ended(timeout_s=PATIENCE_S)
    answer = read(member, talk)["messages"][-1]
    assert (answer["state"], answer["text"]) == ("stopped", "Douze")
    assert "demande" in answer["note"]
    assert asked_engine.asked[0].is_closed
    assert member.post(path).status_code == 204, "too late changes nothing"


def test_another_process_can_stop_an_answer_and_a_deletion_ends_it(
    chat_app: Flask, asked_engine: Any, member: FlaskClient, database: sqlite3.Connection
) -> None:
    talk = begin(member)
    live = live_of(chat_app, talk)
    Desk(desk_of(chat_app).database, desk_of(chat_app).clock, desk_of(chat_app).uptime).stop(
        database, live.answer_id
    )
    assert live.ended(timeout_s=PATIENCE_S)
    assert read(member, talk)["messages"][-1]["state"] == "stopped"
    talk = begin(member)
    live = live_of(chat_app, talk)
    assert member.delete(f"{ROOT}/{talk['id']}").status_code == 204
    assert live.ended(timeout_s=PATIENCE_S)
    assert asked_engine.asked[1].is_closed
    assert member.get(f"{ROOT}/{talk['id']}").status_code == 404


def watched(chat_app: Flask, answer_id: int, desk: Desk) -> Iterator[list[dict[str, Any]]]:
    del chat_app
    for sent in follow.events(desk, answer_id, closing_fd=None):
        lines = [line for line in sent.split(b"\n\n") if line.startswith(b"data: {")]
        yield [msgspec.json.decode(line.removeprefix(b"data: ")) for line in lines]


def delta(chunk: dict[str, Any]) -> str:
    return str(chunk["choices"][0]["delta"].get("content", ""))


def test_whoever_comes_later_sees_all_so_far_and_what_follows(
    chat_app: Flask, asked_engine: Any, member: FlaskClient
) -> None:
    talk = begin(member)
    live = live_of(chat_app, talk)
    asked_engine.asked[0].give(Accepted(model="m", prompt_tokens=7), Queued(position=2))
    live.after(0, timeout_s=PATIENCE_S)
    early = watched(chat_app, live.answer_id, desk_of(chat_app))
    assert next(early)[0]["queue"] == {"position": 2}
    asked_engine.asked[0].give(Delta(text="Dou"), Delta(text="ze"))
    live.after(2, timeout_s=PATIENCE_S)
    late = watched(chat_app, live.answer_id, desk_of(chat_app))
    assert delta(next(late)[0]) == "Douze"
    asked_engine.asked[0].give(Delta(text=" euros."), END)
    assert live.ended(timeout_s=PATIENCE_S)
    rest = [delta(chunk) for chunks in late for chunk in chunks if chunk["choices"]]
    assert "".join(rest) == " euros."
    everything = [delta(chunk) for chunks in early for chunk in chunks if chunk["choices"]]
    assert "".join(everything) == "Douze euros."


def test_another_process_shows_it_from_the_database(
    chat_app: Flask, asked_engine: Any, member: FlaskClient, database: sqlite3.Connection
) -> None:
    talk = begin(member)
    live = live_of(chat_app, talk)
    messages.keep(
        database,
        live.answer_id,
        text="Dou",
        reasoning="",
        waiting=None,
        beat=desk_of(chat_app).uptime(),
    )
    here = desk_of(chat_app)
    elsewhere = watched(chat_app, live.answer_id, Desk(here.database, here.clock, here.uptime))
    assert delta(next(elsewhere)[0]) == "Dou"
    finish(chat_app, asked_engine)
    assert [chunk for chunks in elsewhere for chunk in chunks] == []


def test_what_was_streamed_is_on_the_disk_within_a_second(
    chat_app: Flask, asked_engine: Any, member: FlaskClient, database: sqlite3.Connection
) -> None:
    talk = begin(member)
    live = live_of(chat_app, talk)
    asked_engine.asked[0].give(Accepted(model="m", prompt_tokens=7), Delta(text="Douze"))
    for _ in range(int(PATIENCE_S)):  # each wait lasts as long as the writer's own beat
        live.after(1, timeout_s=1.0)
        if messages.read(database, [live.answer_id])[0].text:
            break
    assert messages.read(database, [live.answer_id])[0].text == "Douze"
    finish(chat_app, asked_engine)


def test_a_crash_leaves_what_was_written_marked_as_interrupted(
    config: Config, chat_app: Flask, member: FlaskClient, database: sqlite3.Connection
) -> None:
    talk = begin(member)
    live = live_of(chat_app, talk)
    messages.keep(database, live.answer_id, text="Dou", reasoning="", waiting=None, beat=1.0)
    desk_of(chat_app)._live.clear()  # whoever wrote it is gone
    shown = read(member, talk)["messages"][-1]
    assert (shown["state"], shown["text"]) == ("interrupted", "Dou")
    assert "gardé" in shown["failure"]
    database.execute("UPDATE messages SET state = 'running' WHERE id = ?", (live.answer_id,))
    open_door(config, run_key=False)  # and so does a start of the box
    assert messages.read(database, [live.answer_id])[0].state == "interrupted"
    again = member.post(f"{ROOT}/{talk['id']}/answers", json={"question_id": ids(talk)[0]})
    assert again.status_code == 201


def test_the_box_that_stops_keeps_what_there_is(
    chat_app: Flask, asked_engine: Any, member: FlaskClient
) -> None:
    talk = begin(member)
    live = live_of(chat_app, talk)
    asked_engine.asked[0].give(Accepted(model="m", prompt_tokens=7), Delta(text="Dou"))
    live.after(0, timeout_s=PATIENCE_S)
    desk_of(chat_app).end_all()
    shown = read(member, talk)["messages"][-1]
    assert (shown["state"], shown["text"]) == ("interrupted", "Dou")


def test_what_cannot_be_answered_is_kept_with_the_reason(
    chat_app: Flask, asked_engine: Any, member: FlaskClient
) -> None:
    talk = begin(member)
    live = live_of(chat_app, talk)
    asked_engine.asked[0].give(ContextLengthError(9000, 8192))
    assert live.ended(timeout_s=PATIENCE_S)
    failure = read(member, talk)["messages"][-1]["failure"]
    assert "9\u202f000 jetons" in failure
    assert "8\u202f192" in failure
    assert "Rien n’a été coupé" in failure
    asked_engine.is_down = True
    down = begin(member, "Et là ?")
    assert down["messages"][-1]["state"] == "failed"
    assert "redémarre" in down["messages"][-1]["failure"]


class Guided:
    """What a factory model answers of which the box is not sure."""

    energy = RequestEnergy(j=412.0, basis=Basis.SENSOR, uncertainty=0.1)
    ORIGIN = Origin(
        source=None,
        suggestions=(
            PageLink(page="api-key", title="Clé d’API"),
            PageLink(page="queue", title="<b>"),
        ),
    )

    def events(self) -> Iterator[Any]:
        yield 0, Accepted(model="m", prompt_tokens=7)
        yield 0, Delta(text="Je ne sais pas.")
        yield 0, self.ORIGIN
        yield 0, END

    def close(self) -> None: ...

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


def test_a_conversation_that_is_loaded_again_shows_the_pages_of_the_live_answer(
    chat_app: Flask, member: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    live: list[Any] = []
    add = Live.add

    def heard(self: Live, chunk: Any) -> None:
        live.append(chunk)
        add(self, chunk)

    monkeypatch.setattr(Live, "add", heard)
    monkeypatch.setattr(chat, "begin", lambda *_, **__: Guided())
    talk = begin(member)
    desk = desk_of(chat_app)
    while (found := desk.find(talk["messages"][-1]["id"])) is not None:
        assert found.ended(timeout_s=PATIENCE_S)
    told = [choice["atre"] for chunk in live for choice in chunk["choices"] if "atre" in choice]
    assert told == [Guided.ORIGIN.extension()["atre"]]
    assert read(member, talk)["messages"][-1]["atre"] == told[0]
    page = member.get(f"/chat/{talk['id']}", headers={"Accept": "text/html"}).text
    for link in told[0]["suggestions"]:
        assert f'<a href="{link["url"]}">{escape(link["title"])}</a>' in page, "without a script"
    assert read(member, talk)["messages"][-1]["energy"]["j"] == 412.0
    assert "412\N{NO-BREAK SPACE}J (" in page
    assert "0,4 s" in page or "0.4 s" in page
