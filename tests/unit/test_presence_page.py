# SPDX-License-Identifier: Apache-2.0
"""A lost password: a code from the box itself, one new password, and everybody hears of it."""

import re
import sqlite3
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from msgspec.structs import replace
from tests.appliance_stand_in import CODE, MACHINE, NOW, ApplianceStandIn

from atre.ipc.appliance_messages import Presence, PresenceMeans
from atre_web.accounts import audit, passwords, people, presence
from atre_web.accounts.principal import Role
from atre_web.appliance.client import APPLIANCE
from atre_web.appliance.tickets import LASTS_S, Tickets

NEW = "un autre mot de passe"


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_MEMORY_KIB", 64)
    monkeypatch.setattr(passwords, "_PASSES", 1)


@pytest.fixture
def machine() -> ApplianceStandIn:
    return ApplianceStandIn()


@pytest.fixture
def member(machine: ApplianceStandIn, sign_in: Callable[[Role], FlaskClient]) -> FlaskClient:
    """Somebody else of the office, in their own browser."""
    client = sign_in("member")
    client.application.extensions[APPLIANCE] = machine
    client.environ_base["HTTP_ACCEPT"] = "text/html"
    client.set_cookie("atre-language", "fr")
    return client


@pytest.fixture
def stranger(member: FlaskClient) -> FlaskClient:
    client = member.application.test_client()
    client.environ_base |= {"HTTP_ACCEPT": "text/html", "HTTP_ORIGIN": "http://localhost"}
    client.set_cookie("atre-language", "fr")
    return client


def ticket_of(client: FlaskClient, code: str = CODE) -> str:
    answer = client.post("/login/presence", data={"code": code})
    assert answer.status_code == 200
    found = re.search(r'name="ticket" value="([^"]+)"', answer.text)
    assert found
    assert "marie" in answer.text
    assert ">member" not in answer.text, "only managers"
    return found[1]


def marie(database: sqlite3.Connection) -> str:
    found = people.by_login(database, "marie")
    assert found
    return found.id


def test_whoever_stands_at_the_box_sets_a_managers_password_and_everybody_is_told(
    stranger: FlaskClient, member: FlaskClient, database: sqlite3.Connection
) -> None:
    page = stranger.get("/login/presence").text
    assert MACHINE.lost_password_file in page
    assert "Marie" not in page, "who the managers are is nobody's before the code"
    assert 'role="note"' not in member.get("/").text
    form = {"ticket": ticket_of(stranger), "person": marie(database), "password": NEW}
    answer = stranger.post("/login/presence", data=form)
    assert (answer.status_code, answer.location) == (303, "/")
    assert stranger.get("/admin").status_code == 200
    assert passwords.is_password(NEW, people.password_of(database, marie(database)))
    actions = [entry.action for entry in audit.latest(database, limit=3)]
    assert actions == ["session.open", "password.presence", "presence.used"]
    for client in (member, stranger):
        shown = client.get("/").text
        assert "a branché une clé USB au boîtier" in shown
        assert "pour Marie" in shown
        assert client.post("/notice/seen").status_code == 303
        assert "clé USB" not in client.get("/").text
    again = stranger.post("/login/presence", data=form)
    assert again.status_code == 410, "a ticket is for one password"


def test_a_wrong_code_opens_nothing_and_is_slowed_down(
    stranger: FlaskClient, machine: ApplianceStandIn, database: sqlite3.Connection
) -> None:
    assert stranger.post("/login/presence", data={"code": " "}).status_code == 400
    for code in ("x", "x" * 10**5, CODE.lower() + "\x00", "K7QP-2M4Y"):
        answer = stranger.post("/login/presence", data={"code": code})
        assert answer.status_code == 403, code
        assert "Ce n’est pas le code." in answer.text
    statuses = {stranger.post("/login/presence", data={"code": "no"}).status_code for _ in range(3)}
    assert statuses == {403, 429}
    assert stranger.post("/login/presence", data={"code": CODE}).status_code == 429
    assert not machine.is_spent
    assert presence.latest(database, now=0.0) is None


def test_the_code_alone_sets_nobody_elses_password(
    stranger: FlaskClient, database: sqlite3.Connection
) -> None:
    luc = people.by_login(database, "member")
    assert luc
    before = people.password_of(database, luc.id)
    ticket = ticket_of(stranger)
    for person in (luc.id, "local", "", "x" * 5000):
        form = {"ticket": ticket, "person": person, "password": NEW}
        assert stranger.post("/login/presence", data=form).status_code == 400, person
    short = {"ticket": ticket, "person": marie(database), "password": "court"}
    answer = stranger.post("/login/presence", data=short)
    assert answer.status_code == 400
    assert "au moins" in answer.text
    for forged in ("x", ticket[:-1], "é" * 3000):
        form = {"ticket": forged, "person": marie(database), "password": NEW}
        assert stranger.post("/login/presence", data=form).status_code == 410
    assert people.password_of(database, luc.id) == before
    right = {**short, "password": NEW}
    stranger.environ_base["HTTP_ORIGIN"] = "http://evil.example"
    assert stranger.post("/login/presence", data=right).status_code == 403
    stranger.environ_base["HTTP_ORIGIN"] = "http://localhost"
    assert stranger.post("/login/presence", data=right).status_code == 303


def test_a_ticket_lasts_ten_minutes_and_once() -> None:
    tickets = Tickets()
    first = tickets.make(PresenceMeans.CONSOLE, uptime=0.0)
    assert tickets.look(first, uptime=LASTS_S - 1) is PresenceMeans.CONSOLE
    assert tickets.look(first, uptime=LASTS_S) is None
    second = tickets.make(PresenceMeans.CONSOLE, uptime=0.0)
    assert tickets.look(first, uptime=0.0) is None
    assert tickets.use(second, uptime=1.0) is PresenceMeans.CONSOLE
    assert tickets.use(second, uptime=1.0) is None


def test_a_notice_is_news_for_a_month_and_a_damaged_one_is_none(
    database: sqlite3.Connection, member: FlaskClient
) -> None:
    assert member
    notice = presence.Notice(at=1000.0, name="<b>Marie</b>", means="console")
    presence.note(database, notice)
    month_s = presence.NOTICE_DAYS * 86400
    assert presence.latest(database, now=1000.0 + month_s - 1) == notice
    assert presence.latest(database, now=1000.0 + month_s) is None
    assert presence.latest(database, now=0.0) == notice, "a clock that was set back"
    database.execute("UPDATE settings SET value = '{' WHERE name = 'presence_notice'")
    assert presence.latest(database, now=1000.0) is None


def test_a_machine_without_such_a_code_says_what_to_do(
    stranger: FlaskClient, machine: ApplianceStandIn
) -> None:
    machine.machine = replace(MACHINE, is_image=False)
    page = stranger.get("/login/presence").text
    assert "atre user reset" in page
    assert 'name="code"' not in page
    machine.machine = replace(
        machine.machine, presence=Presence(means=PresenceMeans.CONSOLE, ends_at=NOW)
    )
    assert 'name="code"' in stranger.get("/login/presence").text
    del stranger.application.extensions[APPLIANCE]
    assert "atre user reset" in stranger.get("/login/presence").text
