# SPDX-License-Identifier: Apache-2.0
"""What the box removes by itself, and by which clock."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from atre.config import Config, save
from atre.system import clock
from atre.system.clock import LATEST, OLDEST, Clock
from atre_web import cli
from atre_web.accounts import audit, latency, people, settings
from atre_web.accounts.database import connect, transaction
from atre_web.accounts.latency import Measured
from atre_web.accounts.migrations import migrate
from atre_web.chat import conversations, messages, retention
from atre_web.upkeep import Seen, Upkeep, look, may_remove

NOW = 1_800_000_000.0
DAY_S = 24 * 3600.0
HOUR_S = 3600.0


@dataclass
class Told:
    """Both clocks, as the test sets them."""

    clock: Clock
    uptime: float

    def upkeep(self, folder: Path) -> Upkeep:
        return Upkeep(folder / "atre.db", clock=lambda: self.clock, uptime=lambda: self.uptime)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(connect(tmp_path / "atre.db")) as opened:
        migrate(opened)
        with transaction(opened):
            people.create(opened, "Marie", "marie", "manager", password=None, now=0.0)
        yield opened


def say(connection: sqlite3.Connection, *, days_ago: float) -> str:
    """A conversation of Marie's with one question, that long ago."""
    marie = people.by_login(connection, "marie")
    assert marie
    at = NOW - days_ago * DAY_S
    with transaction(connection):
        made = conversations.create(connection, marie.id, "Devis", now=at)
        messages.add_question(connection, made, None, "Combien ?", [], indexed="combien", now=at)
    return made


def left(connection: sqlite3.Connection) -> set[str]:
    return {row["id"] for row in connection.execute("SELECT id FROM conversations")}


def test_nothing_is_removed_unless_the_office_says_so(connection: sqlite3.Connection) -> None:
    old = say(connection, days_ago=4000)
    assert retention.apply(connection, now=NOW) == 0
    assert left(connection) == {old}


def test_what_is_younger_stays(connection: sqlite3.Connection) -> None:
    settings.put(connection, settings.RETENTION_DAYS, "30")
    say(connection, days_ago=30.01)
    young = say(connection, days_ago=29.99)
    gone_on = say(connection, days_ago=400)
    writing = say(connection, days_ago=400)
    with transaction(connection):
        for conversation, now in ((gone_on, NOW - DAY_S), (writing, NOW - 400 * DAY_S)):
            (question,) = messages.tree(connection, conversation).branch(None)
            messages.add_answer(connection, conversation, question, now=now, beat=0.0)
        connection.execute(
            "UPDATE conversations SET changed_at = 0 WHERE id IN (?, ?)", (gone_on, writing)
        )
        connection.execute(
            "UPDATE messages SET state = 'done' WHERE conversation_id = ?", (gone_on,)
        )
    assert retention.apply(connection, now=NOW) == 1
    assert left(connection) == {young, gone_on, writing}
    assert retention.apply(connection, now=NOW) == 0
    (entry,) = audit.latest(connection, limit=5)
    assert (entry.action, entry.subject, entry.person) == ("retention.apply", "1", None)


@given(st.floats(0, 100), st.integers(1, 100))
def test_only_age_decides(days_ago: float, days: int) -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        connection.executescript(
            "CREATE TABLE settings (name, value);"
            "CREATE TABLE conversations (id, changed_at);"
            "CREATE TABLE messages (conversation_id, state, created_at);"
            "CREATE TABLE audit (id INTEGER PRIMARY KEY, at, person_id, action, subject, address);"
            "CREATE VIRTUAL TABLE message_words USING fts5 (words)"
        )
        at = NOW - days_ago * DAY_S
        connection.execute("INSERT INTO settings VALUES ('retention_days', ?)", (str(days),))
        connection.execute("INSERT INTO conversations VALUES ('a', ?)", (at,))
        connection.execute("INSERT INTO messages VALUES ('a', 'done', ?)", (at,))
        assert retention.apply(connection, now=NOW) == (at < NOW - days * DAY_S)


def test_once_a_day_and_never_by_a_clock_that_is_wrong(
    connection: sqlite3.Connection, tmp_path: Path
) -> None:
    settings.put(connection, settings.RETENTION_DAYS, "30")
    marie = people.by_login(connection, "marie")
    assert marie
    with transaction(connection):
        latency.add(connection, marie.id, "2020-01-01", [Measured("first_token_ms", 5.0)])
        latency.add(connection, marie.id, "2027-01-01", [Measured("first_token_ms", 5.0)])
    told = Told(Clock(LATEST + DAY_S, is_synchronised=False), 100.0)
    upkeep = told.upkeep(tmp_path)
    young = say(connection, days_ago=0)
    upkeep.tick()
    assert left(connection) == {young}, "a clock that nobody confirms makes nothing old"
    upkeep = told.upkeep(tmp_path)
    told.clock = Clock(NOW, is_synchronised=False)
    say(connection, days_ago=31)
    upkeep.tick()
    assert left(connection) == {young}
    days = [row["day"] for row in connection.execute("SELECT day FROM latency")]
    assert days == ["2027-01-01"]
    old = say(connection, days_ago=31)
    upkeep.tick()
    assert old in left(connection), "once a day"
    told.clock, told.uptime = Clock(NOW + DAY_S, is_synchronised=False), 100.0 + DAY_S
    upkeep.tick()
    assert left(connection) == {young}


def test_a_clock_that_leaps_ahead_removes_nothing_for_a_day() -> None:
    seen = look(None, Clock(NOW, is_synchronised=False), 0.0)
    assert may_remove(seen, Clock(NOW, is_synchronised=False)), (
        "a box that is off every night removes too"
    )
    leapt = Clock(NOW + 365 * DAY_S, is_synchronised=False)
    seen = look(seen, leapt, HOUR_S)
    assert not may_remove(seen, leapt)
    assert not may_remove(
        look(seen, Clock(leapt.now + HOUR_S, is_synchronised=False), 2 * HOUR_S), leapt
    )
    assert may_remove(
        look(seen, Clock(leapt.now + DAY_S, is_synchronised=False), HOUR_S + DAY_S), leapt
    )
    confirmed = Clock(NOW + 365 * DAY_S, is_synchronised=True)
    assert may_remove(look(Seen(NOW, 0.0, -DAY_S), confirmed, HOUR_S), confirmed)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (Clock(0.0, is_synchronised=False), False),
        (Clock(OLDEST - 1, is_synchronised=True), False),
        (Clock(OLDEST, is_synchronised=False), True),
        (Clock(LATEST, is_synchronised=False), True),
        (Clock(LATEST + 1, is_synchronised=False), False),
        (Clock(LATEST + 1, is_synchronised=True), True),
    ],
)
def test_which_clocks_are_believed(told: Clock, expected: object) -> None:
    assert clock.is_believable(told) is expected


def test_the_time_service_confirms_the_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "_SYNCHRONISED", tmp_path / "synchronized")
    assert not clock.read_clock().is_synchronised
    (tmp_path / "synchronized").touch()
    assert clock.read_clock().is_synchronised


@pytest.mark.parametrize("listener", ["loopback", "lan", "http"])
def test_one_listener_of_the_box_does_it(
    config: Config, monkeypatch: pytest.MonkeyPatch, listener: str
) -> None:
    started: list[str] = []
    monkeypatch.setattr(Upkeep, "start", lambda _: started.append(listener))
    monkeypatch.setattr(cli, "create_app", lambda _: None)
    monkeypatch.setattr(cli, "create_http_app", lambda _: None)
    monkeypatch.setattr(cli, "never_preempt", lambda: None)
    monkeypatch.setattr(cli, "run_listener", lambda _listener, _config, make: make())
    path = config.data_dir / "config.json"
    save(config, path)
    done = CliRunner().invoke(cli.main, ["serve", "--config", str(path), "--listener", listener])
    assert done.exit_code == 0, done.output
    assert started == ["loopback"] * (listener == "loopback")
