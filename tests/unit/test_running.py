# SPDX-License-Identifier: Apache-2.0
"""Requests at once over all listeners, and answers that end with their person's account."""

import socket
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from tests.conversations import PATIENCE_S, begin, desk_of, live_of

from atre.errors import ForbiddenError, QuotaError
from atre.ipc.embedder_client import EmbedderClient
from atre.ipc.messages import Accepted, Delta
from atre_web.accounts import keys, people
from atre_web.accounts.meter import Meter
from atre_web.accounts.principal import Principal
from atre_web.accounts.running import Running
from atre_web.openai import standing

LUC = Principal(kind="session", name="", id="s", person_id="luc", role="member")


def key(key_id: str, person_id: str) -> Principal:
    return Principal(kind="key", name="", id=key_id, person_id=person_id, role="manager")


_ANOTHER_LISTENER = """
import sys
from pathlib import Path
from tests.unit.test_running import LUC
from atre_web.accounts.running import Running
held = Running(Path(sys.argv[1])).enter(LUC, 2)
print("held", flush=True)
sys.stdin.read()
"""


def test_a_killed_listener_leaves_nobody_counted(tmp_path: Path) -> None:
    running = Running(tmp_path / "requests")
    own = running.enter(LUC, 2)
    with subprocess.Popen(
        [sys.executable, "-c", _ANOTHER_LISTENER, str(tmp_path / "requests")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    ) as other:
        assert other.stdout
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(QuotaError, match="already have 2"):
            running.enter(LUC, 2)
        other.kill()
    again = running.enter(LUC, 2)
    for place in (own, again, again):
        place.close()


def test_each_person_and_each_key_of_the_box_is_counted_alone(tmp_path: Path) -> None:
    running = Running(tmp_path)
    callers = [LUC, key("1", "local"), key("2", "local")]
    places = [running.enter(each, 1) for each in callers]
    with pytest.raises(QuotaError):
        running.enter(key("3", "luc"), 1)
    places += [running.enter(LUC, None) for _ in range(3)]
    with pytest.raises(QuotaError):
        running.enter(LUC, 4)
    for place in places:
        place.close()


def test_a_disk_without_locks_keeps_nobody_from_asking(tmp_path: Path) -> None:
    (tmp_path / "requests").write_text("in the way")
    Running(tmp_path / "requests").enter(LUC, 1).close()


def test_closing_an_account_ends_its_answers(
    app: Flask, engine: Any, member: FlaskClient, database: sqlite3.Connection
) -> None:
    talk = begin(member)
    live = live_of(app, talk)
    engine.asked[-1].give(Accepted(model="m", prompt_tokens=7), Delta(text="Dou"))
    who = people.by_login(database, "member")
    assert who
    people.disable(database, who.id, version=who.version, now=1.0)
    assert live.ended(timeout_s=PATIENCE_S)
    assert engine.asked[-1].is_closed
    people.enable(database, who.id, version=who.version + 1)
    kept = database.execute("SELECT state, text, failure FROM messages ORDER BY id DESC").fetchone()
    assert (kept["state"], kept["text"]) == ("failed", "Dou")
    assert "permission_denied" in kept["failure"]
    assert desk_of(app).find(live.answer_id) is None


def test_closing_an_account_ends_its_embeddings(
    app: Flask, member: FlaskClient, database: sqlite3.Connection, tmp_path: Path
) -> None:
    app.extensions["atre.embedder"] = EmbedderClient(tmp_path / "e")
    who = people.by_login(database, "member")
    assert who
    with (
        socket.socket(socket.AF_UNIX) as embedder,
        ThreadPoolExecutor(1) as pool,
    ):
        embedder.bind(str(tmp_path / "e"))
        embedder.listen()
        answer = pool.submit(member.post, "/v1/embeddings", json={"input": "Bonjour"})
        job, _ = embedder.accept()
        with job:
            job.settimeout(PATIENCE_S)
            assert job.recv(65536)
            people.disable(database, who.id, version=who.version, now=1.0)
            assert job.recv(65536) == b"", "the job still runs"
        refused = answer.result(PATIENCE_S)
    assert refused.status_code == 403
    assert "closed while" in refused.text


def test_signing_out_ends_no_answer_and_revoking_a_key_does(
    app: Flask, database: sqlite3.Connection, member: FlaskClient
) -> None:
    assert member
    path = app.extensions["atre.accounts"].database
    luc = people.by_login(database, "member")
    assert luc
    place = Running(path.parent).enter(LUC, None)
    gone = Principal(kind="session", name="", id="gone", person_id=luc.id, role="member")
    Meter(gone, place, path, lambda: 0.0).check()
    made, _ = keys.create(database, "n8n", now=0.0, person_id=luc.id)
    meter = Meter(key(made.id, luc.id), place, path, lambda: 0.0)
    meter.check()
    keys.revoke(database, made.id, now=1.0, person_id=luc.id)
    with pytest.raises(ForbiddenError, match="was closed"):
        meter.check()
    meter.close()


@pytest.fixture
def app(chat_app: Flask, monkeypatch: pytest.MonkeyPatch) -> Flask:
    monkeypatch.setattr(standing, "_CHECK_S", 0.02)
    return chat_app


@pytest.fixture
def engine(asked_engine: Any) -> Any:
    return asked_engine
