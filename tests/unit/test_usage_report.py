# SPDX-License-Identifier: Apache-2.0
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import pytest

from atre.ipc.messages import Finished, FinishReason
from atre_web.accounts import latency, people, settings, usage
from atre_web.accounts.database import connect
from atre_web.accounts.latency import Measured, bucket_of, quantile
from atre_web.accounts.meter import measured
from atre_web.accounts.migrations import migrate
from atre_web.accounts.principal import Principal
from atre_web.accounts.usage_report import entries, periods, summed
from atre_web.office.csv_text import cell

# 23:30 on 31 December 2026 in Paris, 17:30 in Toronto.
NEW_YEARS_EVE = datetime(2026, 12, 31, 22, 30, tzinfo=UTC).timestamp()
HOUR_S = 3600.0


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(connect(tmp_path / "atre.db")) as opened:
        migrate(opened)
        yield opened


def add_person(connection: sqlite3.Connection, name: str) -> Principal:
    person = people.create(connection, name, name, "member", password=None, now=0.0)
    return Principal(kind="session", name=name, id="s", person_id=person.id, role="member")


def test_a_value_read_back_is_right_within_nine_percent() -> None:
    values = random.Random(5)
    for _ in range(1000):
        value = 2.0 ** values.uniform(0, 20)
        found = quantile({bucket_of(value): 1}, 0.5)
        assert found is not None
        assert 1 / 1.0906 < found / value < 1.0906
    assert bucket_of(-1.0) == bucket_of(0.0) == bucket_of(float("nan")) == 0
    assert bucket_of(float("inf")) == bucket_of(1e300), "the last one takes the rest"


def test_quantiles_count_answers() -> None:
    counts = {bucket_of(100.0): 95, bucket_of(10_000.0): 5}
    low, high = quantile(counts, 0.5), quantile(counts, 0.96)
    assert low is not None
    assert high is not None
    assert low < 110
    assert high > 9000
    assert quantile(counts, 0.95) == low
    assert quantile({}, 0.5) is None


def test_an_answer_is_measured_if_it_says_something() -> None:
    end = Finished(
        reason=FinishReason.STOP, prompt_tokens=5, cached_tokens=0, completion_tokens=21,
        first_token_ms=500.0, total_ms=2500.0,
    )  # fmt: skip
    assert measured(end) == [Measured("first_token_ms", 500.0), Measured("tokens_per_s", 10.0)]
    assert len(measured(msgspec.structs.replace(end, completion_tokens=3))) == 1
    assert measured(msgspec.structs.replace(end, completion_tokens=0)) == []


def test_days_and_months_are_those_of_the_offices_time_zone(
    connection: sqlite3.Connection,
) -> None:
    marie = add_person(connection, "Marie")
    settings.put(connection, "time_zone", "Europe/Paris")
    for now in (NEW_YEARS_EVE, NEW_YEARS_EVE + HOUR_S):
        usage.add(connection, marie, prompt_tokens=10, completion_tokens=1, now=now)
    today = usage.local_time(connection, NEW_YEARS_EVE + HOUR_S).date()
    assert today == date(2027, 1, 1)
    days = entries(connection, "day", today)
    assert [entry.period for entry in days] == ["2027-01-01", "2026-12-31"]
    months = entries(connection, "month", today)
    assert [entry.period for entry in months] == ["2027-01", "2026-12"]
    assert usage.seconds_left(connection, NEW_YEARS_EVE) == 1801
    settings.put(connection, "time_zone", "America/Toronto")
    assert usage.day_of(connection, NEW_YEARS_EVE) == "2026-12-31"
    assert usage.seconds_left(connection, NEW_YEARS_EVE) == 6.5 * HOUR_S + 1


def test_entries_add_up_by_person_and_by_period(connection: sqlite3.Connection) -> None:
    marie, luc = add_person(connection, "Marie"), add_person(connection, "Luc")
    for who, tokens, wait in ((marie, 10, 100.0), (marie, 20, 100.0), (luc, 5, 4000.0)):
        usage.add(
            connection,
            who,
            prompt_tokens=1,
            completion_tokens=tokens,
            measures=[Measured("first_token_ms", wait)],
            now=NEW_YEARS_EVE,
        )
    today = date(2026, 12, 31)
    found = entries(connection, "day", today)
    by_person = summed(found, lambda entry: entry.person)
    assert {name: sums.completion_tokens for name, sums in by_person.items()} == {
        "Luc": 5,
        "Marie": 30,
    }
    (total,) = summed(found, lambda _: "").values()
    assert (total.num_requests, total.completion_tokens) == (3, 35)
    assert total.wait_s == pytest.approx(0.1, rel=0.1)
    assert total.long_wait_s == pytest.approx(4.0, rel=0.1)
    assert total.tokens_per_s is None
    only = entries(connection, "day", today, luc.person_id)
    assert [entry.person for entry in only] == ["Luc"]


def test_what_a_person_used_goes_away_with_them(connection: sqlite3.Connection) -> None:
    marie = add_person(connection, "Marie")
    measures = [Measured("first_token_ms", 5.0)]
    for _ in range(2):
        usage.add(
            connection,
            marie,
            prompt_tokens=1,
            completion_tokens=1,
            measures=measures,
            now=NEW_YEARS_EVE,
        )
        connection.execute("DELETE FROM people WHERE id = ?", (marie.person_id,))
    for table in ("usage", "latency"):
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == 0  # noqa: S608


def test_a_report_covers_quiet_days_and_months_too() -> None:
    days, months = periods("day", date(2026, 3, 1)), periods("month", date(2026, 3, 1))
    assert (len(days), days[-2:]) == (30, ["2026-02-28", "2026-03-01"])
    assert (len(months), months[0], months[-1]) == (12, "2025-04", "2026-03")


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Marie", "Marie"),
        ('=HYPERLINK("http://x")', '\'=HYPERLINK("http://x")'),
        ("+33 1", "'+33 1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("  =1+1", "'  =1+1"),
        ("\t=1", "'\t=1"),
        ("|cmd", "'|cmd"),
        ("%appdata%", "'%appdata%"),
        (-1, "-1"),
        (1.5, "1.5"),
        (None, ""),
    ],
)
def test_no_cell_is_a_formula(name: object, written: str) -> None:
    assert cell(name) == written


def test_one_request_writes_once_whatever_its_length(connection: sqlite3.Connection) -> None:
    marie = add_person(connection, "Marie")
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    usage.add(
        connection,
        marie,
        prompt_tokens=10**6,
        completion_tokens=10**6,
        measures=[Measured("first_token_ms", 5.0), Measured("tokens_per_s", 5.0)],
        now=NEW_YEARS_EVE,
    )
    assert sum(each.startswith("INSERT") for each in statements) == 3
    assert statements.count("COMMIT") == 1
    assert latency.MEASURES == ("first_token_ms", "tokens_per_s")
