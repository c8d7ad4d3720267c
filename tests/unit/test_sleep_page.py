# SPDX-License-Identifier: Apache-2.0
"""When the model sleeps: from the settings page over ``atred.sock`` to the rules of the box."""

import datetime as dt
import sqlite3
from collections.abc import Callable, Iterator

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.unit.test_office_pages import FORM

from atre.atred.management import ManagementDaemon
from atre.choices import sleep_choice
from atre.config import Config
from atre.errors import InvalidRequestError
from atre.ipc.client import ManagementClient
from atre.ipc.nudge import SLEEP, NudgeSocket
from atre.ipc.presence import SleepTimes
from atre_web.accounts import audit
from atre_web.accounts.principal import Role
from atre_web.office import week
from atre_web.office.week import Day, WrongDayError

MINUTES = st.integers(0, 24 * 60 - 1).map(lambda minute: f"{minute // 60:02}:{minute % 60:02}")
DAY = st.one_of(
    st.just(Day()),
    st.just(Day(is_whole=True)),
    st.tuples(MINUTES, MINUTES).filter(lambda hours: hours[0] != hours[1]).map(lambda h: Day(*h)),
)


@given(st.lists(DAY, min_size=7, max_size=7))
def test_a_week_is_read_back_as_it_was_written(days: list[Day]) -> None:
    assert week.read(week.written(days)) == days


@given(st.integers(0, 6), st.text(max_size=5))
def test_hours_that_are_none_name_their_day(number: int, start: str) -> None:
    days = [Day()] * 7
    days[number] = Day(start, "24:01")
    with pytest.raises(WrongDayError) as caught:
        week.written(days)
    assert caught.value.day == number


@pytest.fixture
def daemon(config: Config) -> Iterator[ManagementDaemon]:
    config.state_dir.mkdir(parents=True)
    made = ManagementDaemon(replace(config, unload_after_s=1800.0, sleep="sat-sun"))
    made.start()
    yield made
    made.close()


@pytest.fixture
def manager(daemon: ManagementDaemon, sign_in: Callable[[Role], FlaskClient]) -> FlaskClient:
    assert daemon
    client = sign_in("manager")
    client.environ_base["HTTP_ACCEPT"] = "text/html"
    client.set_cookie("atre-language", "fr")
    return client


def test_what_a_manager_sets_counts_in_place_of_the_options_and_is_kept(
    manager: FlaskClient, config: Config, database: sqlite3.Connection
) -> None:
    started = replace(config, unload_after_s=1800.0, sleep="sat-sun")
    page = manager.get("/settings").text
    assert "options du démarrage qui comptent (--unload-after 30 --sleep" in page
    assert sleep_choice.in_force(started).times.calendar == "sat-sun"
    box = NudgeSocket(config.runtime_dir / SLEEP)
    form = {"minutes": "10", "mon_start": "19:00", "mon_end": "07:00", "sun_whole": "yes"}
    answer = manager.post("/settings/sleep", data=form)
    assert (answer.status_code, answer.location) == (303, "/settings?done=sleep")
    assert box.was_asked(), "the box takes it up without a restart"
    box.close()
    times = sleep_choice.in_force(started).times
    assert (times.unload_after_s, times.calendar) == (600.0, "mon 19:00-07:00, sun")
    page = manager.get("/settings").text
    assert "à la place des options du démarrage" in page
    assert 'name="mon_start" value="19:00"' in page
    assert manager.post("/settings/sleep", data={"reset": "yes"}).status_code == 303
    assert not sleep_choice.in_force(started).is_chosen
    changes = [entry.action for entry in audit.latest(database, limit=2)]
    assert changes == ["sleep.reset", "sleep.change"]


def test_a_box_without_options_says_that_nothing_is_set(
    daemon: ManagementDaemon, manager: FlaskClient
) -> None:
    daemon._config = replace(daemon._config, unload_after_s=None, sleep="")
    assert "Rien n’est réglé" in manager.get("/settings").text
    assert manager.post("/settings/sleep", data={}).status_code == 303
    assert "C’est ce formulaire qui compte." in manager.get("/settings").text


@pytest.mark.parametrize(
    ("form", "named"),
    [
        ({"tue_start": "19:00"}, "Mardi"),
        ({"tue_start": "19:00", "tue_end": "19:00"}, "Mardi"),
        ({"sun_start": "25:00", "sun_end": "07:00"}, "Dimanche"),
        ({"fri_start": "<b>", "fri_end": "\x00"}, "Vendredi"),
        ({"minutes": "0"}, "minutes"),
        ({"minutes": "-5"}, "minutes"),
        ({"minutes": "1e3"}, "minutes"),
        ({"minutes": "9" * 4000}, "minutes"),
    ],
)
def test_what_makes_no_sense_is_said_and_changes_nothing(
    manager: FlaskClient, config: Config, form: dict[str, str], named: str
) -> None:
    answer = manager.post("/settings/sleep", data=form)
    assert answer.status_code == 400
    alert = answer.text.split('role="alert"')[1].split("</div>")[0]
    assert named in alert
    assert 'aria-invalid="true"' in answer.text
    assert not sleep_choice.in_force(config).is_chosen


def test_the_hours_are_those_of_the_offices_zone(manager: FlaskClient, config: Config) -> None:
    manager.post("/settings/sleep", data={"mon_whole": "yes"})
    assert manager.post("/settings", data=FORM).status_code == 303
    assert sleep_choice.in_force(config).times.time_zone == "America/Toronto"
    times = sleep_choice.in_force(config).times
    monday = dt.datetime(2026, 11, 23, tzinfo=dt.UTC)
    assert sleep_choice.rules_of(times).is_sleep_time(monday)


def test_the_daemon_refuses_what_no_page_sends(daemon: ManagementDaemon, config: Config) -> None:
    assert daemon
    client = ManagementClient(config.management_socket)
    for times in (
        SleepTimes(calendar="whenever"),
        SleepTimes(unload_after_s=-1.0),
        SleepTimes(unload_after_s=float("nan")),
        SleepTimes(time_zone="../../etc/passwd"),
    ):
        with pytest.raises(InvalidRequestError):
            client.set_sleep(times)
    assert not sleep_choice.in_force(config).is_chosen


@pytest.mark.parametrize("content", [b"", b"{", b'{"calendar": "whenever"}', b"[1]", b"\xff" * 9])
def test_a_choice_that_cannot_be_read_is_none(config: Config, content: bytes) -> None:
    config.state_dir.mkdir(parents=True)
    (config.state_dir / "sleep.json").write_bytes(content)
    assert not sleep_choice.in_force(config).is_chosen
