# SPDX-License-Identifier: Apache-2.0
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from atre.config import Config
from atre.errors import InvalidRequestError, StorageError
from atre_web.accounts import claim, invitations, keys, people, recovery, sessions, throttle
from atre_web.accounts.database import connect, transaction
from atre_web.accounts.door import open_door
from atre_web.accounts.migrations import MIGRATIONS, migrate, schema_version

NOW = 1_800_000_000.0


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "atre.db"
    with closing(connect(path)) as connection:
        migrate(connection)
    return path


@pytest.fixture
def connection(database: Path) -> Iterator[sqlite3.Connection]:
    with closing(connect(database)) as opened:
        yield opened


def person(connection: sqlite3.Connection, login: str = "marie") -> str:
    name = login.capitalize()
    return people.create(connection, name, login, "member", password=None, now=NOW).id


def everything_stored(connection: sqlite3.Connection) -> str:
    return "\n".join(connection.iterdump())


def test_a_key_opens_until_it_is_revoked(connection: sqlite3.Connection) -> None:
    made, secret = keys.create(connection, "n8n", now=NOW)
    assert secret.startswith("atre-")
    assert len(secret) == len("atre-") + 43
    verified = keys.verify(connection, secret, now=NOW)
    assert verified is not None
    assert verified.key == made
    assert verified.scopes == {"chat", "embeddings", "models"}
    keys.revoke(connection, "n8n", now=NOW + 1)
    assert keys.verify(connection, secret, now=NOW + 2) is None


@pytest.mark.parametrize(
    "change", [lambda s: s[:-1], lambda s: s + "x", str.swapcase, lambda _: ""]
)
def test_a_nearly_right_key_is_wrong(connection: sqlite3.Connection, change: object) -> None:
    _, secret = keys.create(connection, "n8n", now=NOW)
    assert callable(change)
    assert keys.verify(connection, change(secret), now=NOW) is None


def test_bytes_that_are_no_utf8_are_a_wrong_key(connection: sqlite3.Connection) -> None:
    assert keys.verify(connection, "atre-\udcff", now=NOW) is None


def test_no_secret_is_stored(connection: sqlite3.Connection) -> None:
    _, secret = keys.create(connection, "n8n", now=NOW)
    marie = person(connection)
    session = sessions.create(connection, marie, device="", now=NOW)
    _, link = invitations.invite(connection, "Luc", "member", created_by=marie, now=NOW)
    code = claim.new_code(connection, "label", uptime=0.0)
    codes = recovery.renew(connection, marie)
    stored = everything_stored(connection)
    for clear in (secret, secret.removeprefix("atre-"), session, link, code, codes[0]):
        assert clear not in stored
        assert clear.replace("-", "") not in stored


def test_last_use_is_written_at_most_once_a_minute(connection: sqlite3.Connection) -> None:
    _, secret = keys.create(connection, "n8n", now=NOW)

    def last_use_after(seconds: float) -> float | None:
        keys.verify(connection, secret, now=NOW + seconds)
        return keys.list_keys(connection)[0].last_used_at

    assert last_use_after(1) == NOW + 1
    assert last_use_after(60) == NOW + 1
    assert last_use_after(61) == NOW + 61


@pytest.mark.parametrize("name", ["", "   ", "x" * 65, "a\nb", "caf\u202eé", "\x1b[31m"])
def test_a_key_needs_a_readable_name(connection: sqlite3.Connection, name: str) -> None:
    with pytest.raises(InvalidRequestError, match="printable"):
        keys.create(connection, name, now=NOW)


def test_two_live_keys_cannot_share_a_name(connection: sqlite3.Connection) -> None:
    keys.create(connection, "Word", now=NOW)
    with pytest.raises(InvalidRequestError, match="already"):
        keys.create(connection, "Word", now=NOW)
    keys.revoke(connection, "Word", now=NOW)
    keys.create(connection, "Word", now=NOW)
    assert [key.name for key in keys.list_keys(connection)] == ["Word", "Word"]


def test_revoking_a_key_by_id_or_an_unknown_one(connection: sqlite3.Connection) -> None:
    made, _ = keys.create(connection, "Word", now=NOW)
    assert keys.revoke(connection, made.id, now=NOW).revoked_at == NOW
    with pytest.raises(InvalidRequestError, match="atre key list"):
        keys.revoke(connection, made.id, now=NOW)


def test_a_session_ends_after_thirty_days_or_when_closed(connection: sqlite3.Connection) -> None:
    marie = person(connection)
    first = sessions.create(connection, marie, device="", now=NOW)
    second = sessions.create(connection, marie, device="", now=NOW)
    day_s = 24 * 3600
    assert sessions.verify(connection, first, now=NOW + 30 * day_s - 1) is not None
    assert sessions.verify(connection, first, now=NOW + 30 * day_s) is None
    opened = sessions.verify(connection, second, now=NOW)
    assert opened is not None
    assert (opened.name, opened.role) == ("Marie", "member")
    sessions.revoke(connection, "somebody-else", opened.id)
    assert sessions.verify(connection, second, now=NOW) is not None
    sessions.revoke(connection, marie, opened.id)
    assert sessions.verify(connection, second, now=NOW) is None


def test_expired_sessions_are_deleted(connection: sqlite3.Connection) -> None:
    marie = person(connection)
    sessions.create(connection, marie, device="old", now=NOW)
    sessions.create(connection, marie, device="new", now=NOW + 31 * 24 * 3600)
    assert [row["device"] for row in connection.execute("SELECT device FROM sessions")] == ["new"]


def test_active_people_are_those_seen_lately(connection: sqlite3.Connection) -> None:
    sessions.create(connection, person(connection, "gone"), device="", now=NOW - 1000)
    token = sessions.create(connection, person(connection, "back"), device="", now=NOW - 1000)
    sessions.create(connection, person(connection, "here"), device="", now=NOW)
    assert sessions.num_active(connection, since=NOW - 300) == 1
    sessions.verify(connection, token, now=NOW)
    assert sessions.num_active(connection, since=NOW - 300) == 2


def test_five_wrong_tries_then_a_growing_wait() -> None:
    assert [throttle.delay_s(n) for n in (0, 4, 5, 6, 7)] == [0, 0, 10, 20, 40]
    assert throttle.delay_s(1_000_000) == 900
    assert throttle.delay_s(1_000_000, throttle.BY_LOGIN) == 60


def test_a_clock_set_back_locks_nobody_out(connection: sqlite3.Connection) -> None:
    for _ in range(20):
        throttle.record_failure(connection, "192.0.2.1", now=NOW)
    assert throttle.wait_s(connection, "192.0.2.1", now=NOW) == 900
    assert throttle.wait_s(connection, "192.0.2.1", now=0.0) is None


def test_what_counts_as_one_address() -> None:
    assert throttle.source("2001:db8::1") == throttle.source("2001:db8::ffff") == "2001:db8::/64"
    assert throttle.source("2001:db8:0:1::1") != throttle.source("2001:db8::1")
    assert throttle.source("::ffff:192.0.2.1") == throttle.source("192.0.2.1")
    assert throttle.source("fe80::1%eth0") == "fe80::/64"
    assert throttle.source("unix:") == "unix:"


def test_the_database_is_for_its_owner_only(database: Path) -> None:
    assert stat.S_IMODE(database.stat().st_mode) == 0o600


def test_migrating_twice_changes_nothing(connection: sqlite3.Connection) -> None:
    before = everything_stored(connection)
    migrate(connection)
    assert everything_stored(connection) == before
    assert schema_version(connection) == len(MIGRATIONS)


def test_foreign_keys_are_enforced(connection: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        sessions.create(connection, "nobody", device="", now=NOW)


def test_a_failed_transaction_leaves_nothing(connection: sqlite3.Connection) -> None:
    def insert_then_fail() -> None:
        with transaction(connection):
            connection.execute("INSERT INTO failed_logins VALUES ('a', 1, 1.0)")
            raise LookupError

    with pytest.raises(LookupError):
        insert_then_fail()
    assert connection.execute("SELECT count(*) FROM failed_logins").fetchone()[0] == 0


def test_a_newer_database_is_left_alone(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA user_version = 999")
    with pytest.raises(StorageError, match="newer"):
        migrate(connection)
    assert schema_version(connection) == 999


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "atre.db"
    path.write_bytes(b"not a database " * 100)
    with pytest.raises(StorageError, match="backup"):
        connect(path)
    assert path.read_bytes().startswith(b"not a database")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(data_dir=tmp_path / "new", runtime_dir=tmp_path, profiles_dir=tmp_path)


def test_the_door_makes_the_first_key_once(config: Config) -> None:
    first = open_door(config, run_key=False)
    second = open_door(config, run_key=False)
    assert first.first_key is not None
    assert first.run_key is None
    assert second.first_key is None
    assert stat.S_IMODE(config.data_dir.stat().st_mode) == 0o700
    with closing(connect(config.database)) as connection:
        assert keys.verify(connection, first.first_key, now=NOW) is not None


def test_a_run_key_lives_until_the_next_start(config: Config) -> None:
    first = open_door(config, run_key=True)
    second = open_door(config, run_key=True)
    assert first.run_key is not None
    assert second.run_key is not None
    with closing(connect(config.database)) as connection:
        assert keys.verify(connection, first.run_key, now=NOW) is None
        assert keys.verify(connection, second.run_key, now=NOW) is not None
        assert [key.purpose for key in keys.list_keys(connection)].count("run") == 1


def test_a_box_whose_keys_were_all_revoked_gets_a_new_one(config: Config) -> None:
    open_door(config, run_key=True)
    with closing(connect(config.database)) as connection:
        keys.revoke(connection, "first", now=NOW)
    assert open_door(config, run_key=True).first_key is not None
