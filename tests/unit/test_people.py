# SPDX-License-Identifier: Apache-2.0
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from atre.errors import QuotaError
from atre.ipc.messages import Accepted, Delta, Finished, FinishReason
from atre_web.accounts import (
    audit,
    groups,
    invitations,
    keys,
    passwords,
    people,
    quotas,
    recovery,
    sessions,
    settings,
    sign_in,
    usage,
)
from atre_web.accounts.database import connect, transaction
from atre_web.accounts.meter import Meter
from atre_web.accounts.migrations import migrate
from atre_web.accounts.people import Person
from atre_web.accounts.principal import Principal, Role
from atre_web.accounts.problem import AccountError, ChangedMeanwhileError
from atre_web.accounts.running import Running
from atre_web.accounts.sign_in import Caller, Opened, Refused

NOW = 1_800_000_000.0
PASSWORD = "quatre mots à la suite"
TRUE_COST = (passwords._MEMORY_KIB, passwords._PASSES)  # read before the tests make it cheap
HERE = Caller("192.0.2.1", "Firefox · Linux", NOW)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "atre.db"
    with closing(connect(path)) as opened:
        migrate(opened)
    return path


@pytest.fixture
def connection(database: Path) -> Iterator[sqlite3.Connection]:
    with closing(connect(database)) as opened:
        yield opened


def add(connection: sqlite3.Connection, login: str, role: Role = "member") -> Person:
    stored = passwords.hashed(passwords.checked(PASSWORD))
    return people.create(connection, login.title(), login, role, password=stored, now=NOW)


def change(connection: sqlite3.Connection, person: Person, **changes: object) -> Person:
    wanted = {"role": person.role, "tokens_per_day": None, "max_concurrent": None, "group_ids": ()}
    return people.change(connection, person.id, version=person.version, **(wanted | changes))  # type: ignore[arg-type]


def enter(connection: sqlite3.Connection, login: str, password: str) -> Opened | Refused:
    return sign_in.with_password(connection, login, password, HERE)


def test_a_password_costs_whoever_guesses_what_rfc_9106_asks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(passwords, "_MEMORY_KIB", TRUE_COST[0])
    monkeypatch.setattr(passwords, "_PASSES", TRUE_COST[1])
    stored = passwords.hashed(PASSWORD)
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=1$")
    assert passwords.is_right(PASSWORD, stored)


@pytest.mark.parametrize("same", ["STRASSE", "straße", "Ｓｔｒａｓｓｅ", " strasse "])
def test_two_spellings_of_a_login_name_are_one(connection: sqlite3.Connection, same: str) -> None:
    made = add(connection, "Straße")
    found = people.by_login(connection, same)
    assert found == made
    with pytest.raises(AccountError, match="taken"):
        people.create(connection, "Other", same, "member", password=None, now=NOW)


def test_signing_in_in_whichever_unicode_form(connection: sqlite3.Connection) -> None:
    add(connection, "marie")
    assert isinstance(enter(connection, "MARIE", PASSWORD.replace("à", "a\u0300")), Opened)
    for login, password in (("marie", PASSWORD + "x"), ("eve", PASSWORD), ("marie", "")):
        assert isinstance(enter(connection, login, password), Refused)


def test_an_account_is_guessed_slowly_from_any_number_of_addresses(
    connection: sqlite3.Connection,
) -> None:
    add(connection, "marie")

    def attempt(number: int, password: str, at_s: float = 0.0) -> Opened | Refused:
        caller = Caller(f"192.0.2.{number}", "", NOW + at_s)
        return sign_in.with_password(connection, "marie", password, caller)

    assert [attempt(n, "guess") for n in range(9)] == [Refused(None)] * 9
    assert attempt(9, "guess") == Refused(10)
    assert attempt(10, PASSWORD) == Refused(10), "even the right one waits"
    assert isinstance(attempt(11, PASSWORD, at_s=10.0), Opened)


def test_a_flood_of_guesses_gets_no_more_than_the_free_ones(database: Path) -> None:
    with closing(connect(database)) as connection:
        add(connection, "marie")
    start = threading.Barrier(12)
    outcomes: list[Opened | Refused] = []

    def guess() -> None:
        with closing(connect(database)) as own:
            start.wait()
            outcomes.append(sign_in.with_password(own, "marie", "wrong password", HERE))

    threads = [threading.Thread(target=guess) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with closing(connect(database)) as connection:
        row = connection.execute("SELECT max(num_failures) FROM failed_logins").fetchone()
    assert row[0] == 5
    assert outcomes.count(Refused(None)) == 4


def test_an_invitation_works_once_for_72_hours(connection: sqlite3.Connection) -> None:
    marie = add(connection, "marie", "manager")
    office = groups.create(connection, "Étude", now=NOW)
    made, token = invitations.invite(
        connection, "Luc", "guest", created_by=marie.id, group_ids=[office.id, "gone"], now=NOW
    )
    for late in (made.expires_at, NOW - 1, 0.0):
        with pytest.raises(AccountError, match="expired"):
            invitations.find(connection, token, now=late)
    assert made.expires_at == NOW + 72 * 3600

    def accept(login: str) -> Opened:
        return sign_in.with_invitation(
            connection, token, name="Luc", login=login, password=PASSWORD, caller=HERE
        )

    with pytest.raises(AccountError, match="taken"):
        accept("Marie")
    luc = accept("luc").person
    assert luc.role == "guest"
    assert groups.groups_of(connection, luc.id) == {office.id}
    with pytest.raises(AccountError, match="already used"):
        accept("luc2")


def test_a_reset_link_replaces_the_password_and_ends_sessions(
    connection: sqlite3.Connection,
) -> None:
    luc = add(connection, "luc")
    opened = enter(connection, "luc", PASSWORD)
    assert isinstance(opened, Opened)
    _, old = invitations.reset(connection, luc, created_by=None, now=NOW)
    _, token = invitations.reset(connection, luc, created_by=None, now=NOW)
    with pytest.raises(AccountError, match="expired"):
        sign_in.with_reset_link(connection, old, "another password", HERE)
    sign_in.with_reset_link(connection, token, "another password", HERE)
    assert sessions.verify(connection, opened.token, now=NOW) is None
    assert isinstance(enter(connection, "luc", PASSWORD), Refused)
    assert isinstance(enter(connection, "luc", "another password"), Opened)
    with pytest.raises(AccountError, match="already used"):
        sign_in.with_reset_link(connection, token, "another password", HERE)


def test_a_recovery_code_works_once_for_its_person(connection: sqlite3.Connection) -> None:
    luc, eve = add(connection, "luc"), add(connection, "eve")
    with transaction(connection):
        codes = recovery.renew(connection, luc.id)
        recovery.renew(connection, eve.id)

    def recover(login: str, code: str) -> Opened | Refused:
        return sign_in.with_recovery_code(connection, login, code, "another password", HERE)

    assert recover("eve", codes[0]) == Refused(None)
    assert isinstance(recover("luc", codes[0].lower().replace("-", "")), Opened)
    assert recover("luc", codes[0]) == Refused(None)
    assert recovery.num_left(connection, luc.id) == 7


def test_the_second_of_two_managers_hears_of_the_first(connection: sqlite3.Connection) -> None:
    add(connection, "marie", "manager")
    luc = add(connection, "luc")
    changed = change(connection, luc, role="guest", tokens_per_day=5)
    assert (changed.role, changed.tokens_per_day) == ("guest", 5)
    with pytest.raises(ChangedMeanwhileError):
        change(connection, luc, role="manager")
    with pytest.raises(ChangedMeanwhileError):
        people.delete(connection, luc.id, version=luc.version)
    assert people.get(connection, luc.id) == changed


def test_somebody_is_always_left_to_look_after_the_box(connection: sqlite3.Connection) -> None:
    marie = add(connection, "marie", "manager")
    with pytest.raises(AccountError, match="Nobody would be left"):
        change(connection, marie, role="member")
    with pytest.raises(AccountError, match="Nobody would be left"):
        people.disable(connection, marie.id, version=marie.version, now=NOW)
    with pytest.raises(AccountError, match="Nobody would be left"):
        people.delete(connection, marie.id, version=marie.version)
    assert people.get(connection, marie.id) == marie
    add(connection, "anne", "manager")
    change(connection, marie, role="member")


def test_a_closed_account_opens_nothing_until_it_is_open_again(
    connection: sqlite3.Connection,
) -> None:
    add(connection, "marie", "manager")
    luc = add(connection, "luc")
    _, secret = keys.create(connection, "n8n", now=NOW, person_id=luc.id)
    token = sessions.create(connection, luc.id, device="", now=NOW)
    closed = people.disable(connection, luc.id, version=luc.version, now=NOW)
    assert keys.verify(connection, secret, now=NOW) is None
    assert sessions.verify(connection, token, now=NOW) is None
    assert isinstance(enter(connection, "luc", PASSWORD), Refused)
    people.enable(connection, luc.id, version=closed.version)
    assert keys.verify(connection, secret, now=NOW) is not None
    assert sessions.verify(connection, token, now=NOW) is None


def test_a_key_never_opens_more_than_its_person_may(connection: sqlite3.Connection) -> None:
    add(connection, "marie", "manager")
    luc = add(connection, "luc", "manager")
    _, secret = keys.create(connection, "all", now=NOW, person_id=luc.id, scopes=["chat", "admin"])
    luc = change(connection, luc, role="member")
    verified = keys.verify(connection, secret, now=NOW)
    assert verified is not None
    assert verified.scopes == {"chat"}
    with pytest.raises(AccountError, match="admin"):
        keys.create(connection, "more", now=NOW, person_id=luc.id, scopes=["admin"])
    with pytest.raises(AccountError, match="nothing"):
        keys.create(connection, "none", now=NOW, person_id=luc.id, scopes=[])


def test_people_reach_their_own_keys_only(connection: sqlite3.Connection) -> None:
    luc, eve = add(connection, "luc"), add(connection, "eve")
    key, _ = keys.create(connection, "n8n", now=NOW, person_id=luc.id)
    keys.create(connection, "n8n", now=NOW, person_id=eve.id)
    for name_or_id in (key.id, "n8n"):
        with pytest.raises(AccountError):
            keys.revoke(connection, name_or_id, now=NOW) if name_or_id == "n8n" else keys.revoke(
                connection, name_or_id, now=NOW, person_id=eve.id
            )
    keys.revoke(connection, key.id, now=NOW)


def test_deleting_a_person_leaves_nothing_of_them(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(connection, "marie", "manager")
    luc = add(connection, "luc")
    office = groups.create(connection, "Étude", now=NOW)
    groups.join(connection, luc.id, [office.id])
    key, _ = keys.create(connection, "n8n", now=NOW, person_id=luc.id)
    sessions.create(connection, luc.id, device="", now=NOW)
    recovery.renew(connection, luc.id)
    invitations.reset(connection, luc, created_by=luc.id, now=NOW)
    who = principal(luc.id)
    usage.add(connection, who, prompt_tokens=1, completion_tokens=1, now=NOW)
    audit.record(connection, "x", person_id=luc.id, subject=luc.id, address="", now=NOW)
    told: list[str] = []
    monkeypatch.setattr(people, "on_delete", [lambda _, person_id: told.append(person_id)])
    people.delete(connection, luc.id, version=luc.version)
    assert told == [luc.id]
    left = "\n".join(connection.iterdump())
    assert "Luc" not in left
    assert left.count(luc.id) == 1, "the audit's line says which, nothing says who"
    assert key.id not in left
    (entry,) = audit.latest(connection, limit=5)
    assert (entry.person, entry.subject_name) == (None, None)
    usage.add(connection, who, prompt_tokens=1, completion_tokens=1, now=NOW)
    assert usage.since(connection, "") == []


def principal(person_id: str) -> Principal:
    return Principal(kind="session", name="", id="s", person_id=person_id, role="member")


def test_a_persons_limits_come_before_the_offices(connection: sqlite3.Connection) -> None:
    add(connection, "marie", "manager")
    luc = add(connection, "luc")
    who = principal(luc.id)
    quotas.check_tokens(connection, who, now=NOW)
    settings.put(connection, settings.TOKENS_PER_DAY, "100")
    usage.add(connection, who, prompt_tokens=60, completion_tokens=40, now=NOW)
    with pytest.raises(QuotaError, match="100") as caught:
        quotas.check_tokens(connection, who, now=NOW)
    assert 1 <= caught.value.retry_after_s <= 25 * 3600
    quotas.check_tokens(connection, who, now=NOW + 24 * 3600 + 3601)
    change(connection, luc, tokens_per_day=101)
    quotas.check_tokens(connection, who, now=NOW)
    for wrong in ({"tokens_per_day": -1}, {"max_concurrent": 0}, {"max_concurrent": -1}):
        with pytest.raises(AccountError, match="limit"):
            change(connection, people.get(connection, luc.id), **wrong)


def test_requests_at_once_are_counted_until_they_end(database: Path) -> None:
    with closing(connect(database)) as connection:
        luc = add(connection, "luc")
    running, who = Running(database.parent / "requests"), principal(luc.id)
    end = Finished(
        reason=FinishReason.STOP,
        prompt_tokens=7,
        cached_tokens=0,
        completion_tokens=3,
        first_token_ms=0.0,
        total_ms=0.0,
    )
    place = running.enter(who, 1)
    with pytest.raises(QuotaError, match="already have 1"):
        running.enter(who, 1)
    whole = Meter(who, place, database, lambda: NOW, choices=2)
    for index in (0, 1):
        whole.count(index, Accepted(model="m", prompt_tokens=7))
        whole.count(index, end)
    whole.close()
    whole.close()
    hung_up = Meter(who, running.enter(who, 1), database, lambda: NOW)
    hung_up.count(0, Accepted(model="m", prompt_tokens=7))
    hung_up.count(0, Delta(text="a"))
    hung_up.close()
    refused = Meter(who, running.enter(who, 1), database, lambda: NOW)
    refused.close()
    with closing(connect(database)) as connection:
        (day,) = usage.since(connection, "")
    assert (day.num_requests, day.prompt_tokens, day.completion_tokens) == (2, 14, 7)


def test_a_group_is_renamed_and_keeps_its_people(connection: sqlite3.Connection) -> None:
    luc = add(connection, "luc")
    office = groups.create(connection, "Étude", now=NOW)
    groups.create(connection, "Accueil", now=NOW)
    with transaction(connection):
        groups.join(connection, luc.id, [office.id])
    groups.rename(connection, office.id, "ÉTUDE")  # its own name in another spelling
    groups.rename(connection, office.id, "Comptabilité")
    renamed = next(each for each in groups.list_groups(connection) if each.id == office.id)
    assert (renamed.name, renamed.members) == ("Comptabilité", [luc.id])
    for group_id, name, code in (
        (office.id, "accueil", "group_name_taken"),
        (office.id, "  ", "group_name"),
        (office.id, "x" * 65, "group_name"),
        ("gone", "Caisse", "gone"),
    ):
        with pytest.raises(AccountError) as caught:
            groups.rename(connection, group_id, name)
        assert caught.value.code == code
