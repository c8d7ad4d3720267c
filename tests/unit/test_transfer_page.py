# SPDX-License-Identifier: Apache-2.0
"""A manager hands the box over in the panel, as ``atre claim transfer`` does on the console."""

import re
import sqlite3
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from atre_web.accounts import audit, claim, claim_code, passwords, people
from atre_web.accounts.principal import Role

PASSWORD = "quatre mots à la suite"


@pytest.fixture
def manager(sign_in: Callable[[Role], FlaskClient], database: sqlite3.Connection) -> FlaskClient:
    client = sign_in("manager")
    client.environ_base["HTTP_ACCEPT"] = "text/html"
    client.set_cookie("atre-language", "fr")
    marie = people.by_login(database, "marie")
    assert marie
    with passwords.turn():
        people.set_password(database, marie.id, PASSWORD)
    # Setting a password ends sessions: she signs in again.
    answer = client.post("/login", data={"login": "marie", "password": PASSWORD})
    assert answer.status_code == 303
    return client


def start(manager: FlaskClient) -> str:
    answer = manager.post("/transfer", data={"current": PASSWORD})
    assert answer.status_code == 200
    assert 'class="qr' in answer.text
    shown = re.search(r'<code id="code">([^<]+)</code>', answer.text)
    assert shown
    assert f"/claim?code={shown[1]}" in answer.text
    return shown[1]


def actions(database: sqlite3.Connection) -> list[str]:
    return [entry.action for entry in audit.latest(database, limit=2)]


def test_the_code_is_shown_once_and_makes_somebody_else_the_owner(
    manager: FlaskClient, database: sqlite3.Connection
) -> None:
    code = start(manager)
    assert actions(database)[0] == "claim.transfer"
    page = manager.get("/transfer").text
    assert "Un transfert est en cours" in page
    assert "valable jusqu’au" in page
    assert code not in page
    assert claim_code.read(code) not in page
    form = {"code": code, "name": "Nadia", "login": "nadia", "password": PASSWORD}
    stranger = manager.application.test_client()
    answer = stranger.post("/claim", data=form, headers={"Origin": "http://localhost"})
    assert answer.status_code == 200
    assert manager.get("/transfer").status_code == 401, "her session ended with the claim"


def test_a_transfer_is_withdrawn(manager: FlaskClient, database: sqlite3.Connection) -> None:
    start(manager)
    again = manager.post("/transfer", data={"current": PASSWORD})
    assert again.status_code == 409, "the first code would be worthless without a word"
    answer = manager.post("/transfer/withdraw")
    assert answer.status_code == 303
    assert "n’ouvre plus rien" in manager.get(answer.location).text
    assert actions(database)[0] == "claim.withdraw"
    assert not claim.state(database).has_code
    assert manager.post("/transfer/withdraw").status_code == 409


def test_only_whoever_knows_the_password_starts_one(
    manager: FlaskClient, database: sqlite3.Connection
) -> None:
    for form in ({}, {"current": "x" * 5000}, {"current": PASSWORD + "\x00"}):
        answer = manager.post("/transfer", data=form)
        assert answer.status_code == 403
        assert 'role="alert"' in answer.text
    assert not claim.state(database).has_code
    statuses = {manager.post("/transfer", data={"current": "no"}).status_code for _ in range(9)}
    assert statuses == {403, 429}
    assert manager.post("/transfer", data={"current": PASSWORD}).status_code == 429


def test_the_hour_of_a_code_ends(manager: FlaskClient, database: sqlite3.Connection) -> None:
    start(manager)
    database.execute("UPDATE claim SET opened_s = opened_s - 3601")
    assert "L’heure de son code est passée" in manager.get("/transfer").text
    assert claim.state(database).left_s(10**9) == 0.0
