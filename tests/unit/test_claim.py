# SPDX-License-Identifier: Apache-2.0
import ipaddress
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atre.atred.management import ManagementDaemon
from atre.choices.owner_mark import waits_for_owner
from atre.config import Config
from atre_web.accounts import (
    base32,
    claim,
    claim_code,
    claim_news,
    invitations,
    keys,
    people,
    recovery,
    sessions,
    sign_in,
)
from atre_web.accounts.claim import Form, Taken, WrongCode
from atre_web.accounts.database import connect
from atre_web.accounts.door import open_door
from atre_web.accounts.migrations import migrate
from atre_web.accounts.on_link import is_on_link, own_networks
from atre_web.accounts.problem import AccountError
from atre_web.accounts.sign_in import Caller, Opened, Refused

NOW = 1_800_000_000.0
UP = 500.0
PASSWORD = "quatre mots à la suite"
WRONG = "0000-0000-0000"


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(connect(tmp_path / "atre.db")) as opened:
        migrate(opened)
        yield opened


def form(code: str, login: str = "marie", **changes: str) -> Form:
    fields = {"name": "Marie", "password": PASSWORD, "office": ""} | changes
    return Form(code=code, login=login, **fields)


def take(
    connection: sqlite3.Connection,
    filled: Form,
    *,
    after_s: float = 0.0,
    is_on_link: bool = True,
) -> Taken | WrongCode:
    return claim.take(
        connection, filled, is_on_link=is_on_link, now=NOW + after_s, uptime=UP + after_s
    )


def refused(connection: sqlite3.Connection, filled: Form, **how: object) -> str:
    with pytest.raises(AccountError) as caught:
        take(connection, filled, **how)  # type: ignore[arg-type]
    return caught.value.code


def test_the_code_makes_one_manager_and_opens_nothing_after(connection: sqlite3.Connection) -> None:
    code = claim.new_code(connection, "start", uptime=UP)
    assert not claim.state(connection).is_claimed
    taken = take(connection, form(code.lower().replace("-", " "), office="Étude Roy"))
    assert isinstance(taken, Taken)
    assert taken.person.role == "manager"
    assert len(set(taken.recovery_codes)) == recovery.num_left(connection, taken.person.id) == 8
    assert refused(connection, form(code, "eve")) == "claimed"
    assert [person.login for person in people.list_people(connection)] == ["marie"]
    with pytest.raises(AccountError, match="transfer"):
        claim.new_code(connection, "label", uptime=UP)


def test_a_claim_needs_the_link_and_the_hour(connection: sqlite3.Connection) -> None:
    code = claim.new_code(connection, "start", uptime=UP)
    assert refused(connection, form(code), is_on_link=False) == "off_link"
    assert refused(connection, form(code), after_s=3600.0) == "window"
    # The clock that counts started again: the code waits for a start, or for `atre claim open`.
    assert refused(connection, form(code), after_s=-1.0) == "window"
    claim.open_window(connection, uptime=UP + 9000)
    assert isinstance(take(connection, form(code), after_s=9001.0), Taken)


def test_five_wrong_codes_then_a_wait_for_everybody(connection: sqlite3.Connection) -> None:
    code = claim.new_code(connection, "start", uptime=UP)
    assert [take(connection, form(WRONG)) for _ in range(4)] == [WrongCode(None)] * 4
    assert take(connection, form(WRONG)) == WrongCode(10)
    assert take(connection, form(code), after_s=9.0) == WrongCode(1)
    assert take(connection, form(WRONG), after_s=10.0) == WrongCode(20)
    assert isinstance(take(connection, form(code), after_s=30.0), Taken)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"password": "short"}, "password_short"),
        ({"password": "é" * 513}, "password_long"),
        ({"password": "x" * 1_000_000}, "password_long"),
        ({"name": "\u202e"}, "name"),
        ({"name": "x" * 1_000_000}, "name"),
        ({"login": "marie roy"}, "login"),
        ({"office": "a\nb"}, "name"),
        ({"code": "ABC"}, "code_mistyped"),
        ({"code": "é" * 12}, "code_mistyped"),
    ],
)
def test_a_field_that_cannot_be_taken_is_no_try(
    connection: sqlite3.Connection, changes: dict[str, str], code: str
) -> None:
    right = claim.new_code(connection, "start", uptime=UP)
    filled = form(changes.get("code", right), changes.get("login", "marie"))
    fields = {
        name: changes.get(name, getattr(filled, name)) for name in ("name", "password", "office")
    }
    for _ in range(6):
        assert refused(connection, form(filled.code, filled.login, **fields)) == code
    assert isinstance(take(connection, form(right)), Taken)


def test_a_transfer_ends_all_that_the_reseller_had(connection: sqlite3.Connection) -> None:
    first = take(connection, form(claim.new_code(connection, "label", uptime=UP)))
    assert isinstance(first, Taken)
    luc = people.create(connection, "Luc", "luc", "member", password=None, now=NOW)
    tokens = [
        sessions.create(connection, who, device="", now=NOW) for who in (first.person.id, luc.id)
    ]
    secrets = [
        keys.create(connection, "k", now=NOW, person_id=who)[1]
        for who in (first.person.id, people.LOCAL, luc.id)
    ]
    _, link = invitations.invite(connection, "Eve", "manager", created_by=None, now=NOW)
    code = claim.new_code(connection, "transfer", uptime=UP)
    assert sessions.verify(connection, tokens[0], now=NOW), "nothing ends before the code is used"
    second = take(connection, form(code, name="Anne"))
    assert isinstance(second, Taken)
    assert [bool(sessions.verify(connection, each, now=NOW)) for each in tokens] == [False, True]
    assert [bool(keys.verify(connection, each, now=NOW)) for each in secrets] == [
        False,
        False,
        True,
    ]
    with pytest.raises(AccountError):
        invitations.find(connection, link, now=NOW)
    outcome = sign_in.with_recovery_code(
        connection, "marie", first.recovery_codes[0], PASSWORD, Caller("192.0.2.1", "", NOW)
    )
    assert outcome == Refused(None)
    outcome = sign_in.with_password(connection, "Marie", PASSWORD, Caller("192.0.2.1", "", NOW))
    assert isinstance(outcome, Opened)
    assert outcome.person.name == "Anne"


def test_a_start_makes_a_code_unless_the_label_has_one(tmp_path: Path) -> None:
    config = Config(data_dir=tmp_path / "new", runtime_dir=tmp_path, profiles_dir=tmp_path)
    first, second = (open_door(config, run_key=False, uptime=lambda: UP) for _ in range(2))
    assert first.claim_code != second.claim_code
    assert second.claim_path == f"/claim?code={second.claim_code}"
    assert waits_for_owner(config.state_dir)
    with closing(connect(config.database)) as opened:
        assert take(opened, form(str(first.claim_code))) == WrongCode(None)
        label = claim.new_code(opened, "label", uptime=UP)
        third = open_door(config, run_key=False, uptime=lambda: UP + 100)
        assert (third.claim_code, third.claim_path) == (None, "/claim")
        assert claim.state(opened).opened_s == UP + 100
        assert isinstance(take(opened, form(label), after_s=101), Taken)
    # Nobody told the mark, as after a power cut: the next start sets it right.
    assert waits_for_owner(config.state_dir)
    assert open_door(config, run_key=False).claim_path is None
    assert not waits_for_owner(config.state_dir)


def test_atred_hears_of_the_claim_and_starts_by_it_later(tmp_path: Path) -> None:
    config = Config(data_dir=tmp_path, runtime_dir=tmp_path / "run", profiles_dir=tmp_path)
    config.runtime_dir.mkdir()
    open_door(config, run_key=False, uptime=lambda: UP)
    with started(config) as daemon:
        assert daemon._advertiser._box.waits_for_owner
        claim_news.tell(config)
        assert not daemon._advertiser._box.waits_for_owner
        assert not waits_for_owner(config.state_dir)
    # Nobody listens now, and that is no reason for a claim to fail.
    claim_news.tell(config)
    with started(config) as daemon:
        assert not daemon._advertiser._box.waits_for_owner


@contextmanager
def started(config: Config) -> Iterator[ManagementDaemon]:
    daemon = ManagementDaemon(config)
    daemon.start()
    try:
        yield daemon
    finally:
        daemon.close()


def test_a_code_survives_how_people_read_and_type() -> None:
    digits = "01ABCVWXYZ10"
    printed = claim_code.printed(digits)
    assert printed == f"01AB-CVWX-YZ10-{base32.check_symbol(digits)}"
    typed = "oiab cuwx–yzlO"
    assert claim_code.read(typed) == claim_code.read(printed) == digits


@given(st.data())
def test_the_check_symbol_catches_any_one_wrong_digit(data: st.DataObject) -> None:
    code = claim_code.new_code()
    place = data.draw(st.integers(0, 11))
    other = data.draw(st.sampled_from([each for each in base32.DIGITS if each != code[place]]))
    wrong = code[:place] + other + code[place + 1 :]
    assert base32.check_symbol(wrong) != base32.check_symbol(code)


def test_on_link_means_a_network_that_the_box_is_plugged_into() -> None:
    lan = [ipaddress.ip_network("192.168.1.0/24"), ipaddress.ip_network("2001:db8:1::/64")]
    for near in ("127.0.0.1", "::1", "192.168.1.77", "::ffff:192.168.1.77", "2001:db8:1::5",
                 "fe80::1%eth0", "169.254.3.4"):  # fmt: skip
        assert is_on_link(near, lan), near
    for far in ("192.168.2.1", "10.0.0.1", "2001:db8:2::1", "::ffff:8.8.8.8", "unknown", ""):
        assert not is_on_link(far, lan), far
    assert ipaddress.ip_network("127.0.0.0/8") in own_networks()
