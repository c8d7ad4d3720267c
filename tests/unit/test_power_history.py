# SPDX-License-Identifier: Apache-2.0
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atre.power import history as module
from atre.power.history import CLOCK_SET_S, DAY_S, HOUR_S, MINUTE_S, Amount, PowerHistory
from atre.power.reading import Basis

NOW_S = 1_795_000_000  # 2026-11-18, ten to eleven in the evening
FOREVER = (-1e11, 1e11)


def taken(energy_j: float, basis: Basis = Basis.COUNTER) -> Amount:
    return Amount(basis=basis, energy_j=energy_j, covered_s=60, expected_s=60)


def sums(history: PowerHistory) -> list[float]:
    """All energy by minutes, by hours and by days: three tellings of the same."""
    return [
        sum(each.amount.energy_j for each in history.read(length_s, *FOREVER))
        for length_s in (MINUTE_S, HOUR_S, DAY_S)
    ]


def test_a_minute_is_durable_at_once_and_adds_to_its_hour_and_day(tmp_path: Path) -> None:
    history = PowerHistory(tmp_path / "power.db")
    history.add(NOW_S, [taken(10)])
    history.add(NOW_S + 60, [taken(5), taken(3, Basis.PLUG)])
    # Another process would see it now: no close, as in a power cut.
    with sqlite3.connect(tmp_path / "power.db") as other:
        rows = other.execute("SELECT length_s, start_s % length_s, energy_j FROM bucket").fetchall()
    assert sorted(row[2] for row in rows if row[0] == DAY_S) == [3, 15]
    assert {row[1] for row in rows} == {0}
    assert history.total_j() == 18
    history.close()


def test_the_oldest_minutes_go_and_their_energy_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_KEPT", {MINUTE_S: 10, HOUR_S: 2})
    history = PowerHistory(tmp_path / "power.db")
    for number in range(300):
        history.add(NOW_S + 60 * number, [taken(1), taken(1, Basis.PLUG)])
    assert len({each.start_s for each in history.read(MINUTE_S, *FOREVER)}) == 10
    assert len({each.start_s for each in history.read(HOUR_S, *FOREVER)}) == 2
    assert history.total_j() == 600
    history.close()


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(0, 4e9) | st.just(30.0) | st.floats(NOW_S - 9000, NOW_S + 9000),
            st.floats(0, 1e5),
        ),
        max_size=12,
    )
)
def test_however_the_clock_jumps_no_energy_is_lost_or_doubled(
    tmp_path_factory: pytest.TempPathFactory, minutes: list[tuple[float, float]]
) -> None:
    history = PowerHistory(tmp_path_factory.mktemp("history") / "power.db")
    for wall_s, energy_j in minutes:
        history.add(wall_s, [taken(energy_j)])
    expected = sum(energy_j for _, energy_j in minutes)
    assert sums(history) == pytest.approx([expected] * 3)
    history.close()


def test_what_came_before_the_clock_was_set_is_placed_before_that_moment(tmp_path: Path) -> None:
    history = PowerHistory(tmp_path / "power.db")
    for number in range(5):
        history.add(120 + 60 * number, [taken(number)])
    assert history.read(MINUTE_S, CLOCK_SET_S, 1e11) == []
    history.add(NOW_S, [taken(100)])
    placed = history.read(MINUTE_S, CLOCK_SET_S, 1e11)
    assert [each.amount.energy_j for each in placed] == [0, 1, 2, 3, 4, 100]
    assert placed[-2].start_s == NOW_S // 60 * 60 - 60
    assert history.read(DAY_S, 0, CLOCK_SET_S) == []
    history.close()


def test_a_full_disk_keeps_the_minutes_for_later_and_says_so(tmp_path: Path) -> None:
    history = PowerHistory(tmp_path / "power.db")
    history.add(NOW_S, [taken(1)])
    database = history._database
    assert database is not None
    pages = database.execute("PRAGMA page_count").fetchone()[0]
    database.execute(f"PRAGMA max_page_count = {pages}")
    for number in range(1, 300):
        history.add(NOW_S + 60 * number, [taken(1)])
    (issue,) = history.issues
    assert "disk" in issue.text
    assert "disque" in issue.text_fr
    database.execute("PRAGMA max_page_count = 1000000")
    history.add(NOW_S + 60 * 300, [taken(1)])
    assert history.issues == []
    assert sums(history) == [301] * 3
    history.close()


def test_a_disk_that_stays_full_does_not_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_KEPT", {MINUTE_S: 5, HOUR_S: 5})
    history = PowerHistory(tmp_path / "gone" / "power.db")  # no such folder: nothing can be opened
    for number in range(20):
        history.add(NOW_S + 60 * number, [taken(1)])
    assert len(history._unwritten) == 5
    (tmp_path / "gone").mkdir()
    history.add(NOW_S + 60 * 20, [taken(1)])
    assert history.total_j() == 21
    history.close()


@pytest.mark.parametrize("content", [b"no database at all, but long enough to be looked at" * 40])
def test_a_damaged_file_is_set_aside_and_the_history_begins_anew(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "power.db"
    path.write_bytes(content)
    history = PowerHistory(path)
    history.add(NOW_S, [taken(1)])
    assert history.total_j() == 1
    assert (tmp_path / "power.db.damaged").read_bytes() == content
    assert "power.db.damaged" in history.issues[0].text
    history.close()


def test_damage_that_comes_while_it_runs_costs_the_past_and_not_the_box(tmp_path: Path) -> None:
    path = tmp_path / "power.db"
    history = PowerHistory(path)
    for number in range(200):
        history.add(NOW_S + 60 * number, [taken(1)])
    assert history._database is not None
    history._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    history._database.execute("PRAGMA cache_size = 0")
    for number in range(200, 204):
        history.add(NOW_S + 60 * number, [taken(1)])
        history.total_j()
    assert any("damaged" in issue.text for issue in history.issues)
    assert history.total_j() is not None
    history.close()


def test_a_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    history = PowerHistory(tmp_path / "power.db")
    assert (tmp_path / "power.db").stat().st_mode & 0o777 == 0o600
    history.close()
