# SPDX-License-Identifier: Apache-2.0
"""Forty people at once: nobody is told that the box failed, or that its database is locked.

``make load`` does it at length, with passwords at their true cost, and prints what can be quoted:
how many requests, how long pages took, and how often anything failed or the database was locked.
"""

import http.client
import os
import sqlite3
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from atre_web.accounts import passwords, people
from atre_web.accounts.database import connect, transaction
from atre_web.accounts.principal import Role

if TYPE_CHECKING:
    from tests.integration.running_box import RunningBox

NUM_PEOPLE = 40
NUM_ROUNDS = int(os.environ.get("ATRE_LOAD_ROUNDS", "1"))
IS_LONG = NUM_ROUNDS > 1
NUM_MESSAGES = 20_000 if IS_LONG else 2_000
NUM_TIMED = 40 if IS_LONG else 5
LENGTH = 10  # messages of a conversation
PAGE_LIMIT_S = 0.1  # two cores, 50 people
TIMEOUT_S = 120
LOCKED = "database is locked"
PASSWORD = "quatre mots à la suite"
# The same password, at a cost that lets forty sign in within seconds on two cores.
_MEMORY_KIB, _PASSES = 64, 1
PAGES = ("/", "/status", "/help", "/help/api-key", "/account", "/api/panel/status.json")
MANAGER_PAGES = ("/people",)


class Visitor:
    """A browser without a screen: one connection, one cookie."""

    def __init__(self, box: "RunningBox") -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", box.port, timeout=TIMEOUT_S)
        self._origin = f"http://127.0.0.1:{box.port}"
        self._cookie = ""
        self.failures: list[str] = []
        self.page_times_s: list[float] = []
        self.num_requests = 0

    def ask(self, method: str, path: str, form: dict[str, str] | None = None) -> str:
        """Send one request; the body of its answer. What must not come back is noted."""
        headers = {"Accept": "text/html", "Origin": self._origin, "Cookie": self._cookie}
        body = urlencode(form) if form is not None else None
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        started_s = time.perf_counter()
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        text = answer.read().decode()
        self.num_requests += 1
        if method == "GET":
            self.page_times_s.append(time.perf_counter() - started_s)
        for cookie in answer.headers.get_all("Set-Cookie") or []:
            if cookie.startswith("atre="):
                self._cookie = cookie.partition(";")[0]
        # 303 follows a form; anything else than these two is a refusal that nobody here earned.
        if answer.status not in {200, 303} or LOCKED in text:
            self.failures.append(f"{method} {path}: {answer.status} {text[:200]}")
        return text

    def sign_in(self, login: str) -> None:
        self.ask("POST", "/login", {"login": login, "password": PASSWORD})

    def close(self) -> None:
        self._connection.close()


def cheap_hash() -> str:
    with pytest.MonkeyPatch.context() as patch:
        if not IS_LONG:
            patch.setattr(passwords, "_MEMORY_KIB", _MEMORY_KIB)
            patch.setattr(passwords, "_PASSES", _PASSES)
        return passwords.hashed(PASSWORD)


def fill_conversations(connection: sqlite3.Connection, now: float) -> None:
    """Give everybody what they said in a year, on a box that keeps conversations."""
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    if "messages" not in tables:
        return
    everybody = [person.id for person in people.list_people(connection)]
    for number in range(NUM_MESSAGES // LENGTH):
        conversation = (f"c{number}", everybody[number % len(everybody)], f"Courrier {number}")
        connection.execute(
            "INSERT INTO conversations (id, person_id, title, created_at, changed_at)"
            " VALUES (?, ?, ?, ?, ?)",
            (*conversation, now, now),
        )
        parent = None
        for place in range(LENGTH):
            role = "assistant" if place % 2 else "user"
            text = f"{role} {place} du courrier {number}. " * 10
            parent = connection.execute(
                "INSERT INTO messages (conversation_id, parent_id, role, state, text, created_at)"
                " VALUES (?, ?, ?, 'done', ?, ?)",
                (conversation[0], parent, role, text, now),
            ).lastrowid
            if "message_words" in tables:
                connection.execute(
                    "INSERT INTO message_words (rowid, words) VALUES (?, ?)", (parent, text)
                )


@pytest.fixture(scope="module")
def busy_box(
    tmp_path_factory: pytest.TempPathFactory, running_box: Any, four_slots: list[str]
) -> "Iterator[RunningBox]":
    """A box of fifty people, one of whom manages it."""
    box: RunningBox = running_box.RunningBox(tmp_path_factory.mktemp("busy"), *four_slots)
    box.start()
    try:
        password, now = cheap_hash(), time.time()
        with closing(connect(box.data_dir / "atre.db")) as connection, transaction(connection):
            for number in range(50):
                role: Role = "manager" if number == 0 else "member"
                people.create(
                    connection, f"Personne {number}", f"p{number}", role, password=password, now=now
                )
            connection.execute("UPDATE claim SET code = NULL, claimed_at = ?", (now,))
            fill_conversations(connection, now)
        yield box
    finally:
        box.clean_up()


def summary(visitors: Sequence[Visitor], num_locked: int) -> str:
    """What was asked, how long pages took, and what went wrong, in a line."""
    times_ms = sorted(1000 * each for visitor in visitors for each in visitor.page_times_s)
    p50, p95 = statistics.median(times_ms), times_ms[int(0.95 * (len(times_ms) - 1))]
    num_requests = sum(visitor.num_requests for visitor in visitors)
    num_failures = sum(len(visitor.failures) for visitor in visitors)
    return (
        f"{num_requests} requests, {len(times_ms)} of them pages, which took {p50:.0f} ms "
        f"(median), {p95:.0f} ms (p95) and {times_ms[-1]:.0f} ms (worst); "
        f"{num_failures} errors, {num_locked} times {LOCKED!r}"
    )


def office_hours(visitor: Visitor, number: int) -> None:
    """What one person does: everything that reads, and forms that write."""
    visitor.sign_in(f"p{number}")
    for turn in range(NUM_ROUNDS):
        for page in PAGES + (MANAGER_PAGES if number == 0 else ()):
            visitor.ask("GET", page)
        visitor.ask("POST", "/account", {"name": f"Personne {number} {turn}", "locale": "fr"})
        visitor.ask("POST", "/account/keys", {"name": f"clé {turn}", "scope": "chat"})
        if number == 0:
            visitor.ask("POST", "/people/groups", {"name": f"Groupe {turn}"})
            visitor.ask("POST", "/people/invitations", {"name": f"Invité {turn}", "role": "guest"})


def test_forty_people_at_once_are_all_served(
    busy_box: "RunningBox", capsys: pytest.CaptureFixture[str]
) -> None:
    visitors = [Visitor(busy_box) for _ in range(NUM_PEOPLE)]
    threads = [
        threading.Thread(target=office_hours, args=(visitor, number))
        for number, visitor in enumerate(visitors)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for visitor in visitors:
        visitor.close()
    failures = [failure for visitor in visitors for failure in visitor.failures]
    num_locked = busy_box.log().count(LOCKED) + sum(LOCKED in each for each in failures)
    with capsys.disabled():
        print(f"load: {NUM_PEOPLE} people at once: {summary(visitors, num_locked)}")  # noqa: T201
    assert failures == []
    assert num_locked == 0
    with closing(connect(busy_box.data_dir / "atre.db")) as connection:
        (made,) = connection.execute(
            "SELECT count(*) FROM api_keys WHERE name LIKE 'clé %'"
        ).fetchone()
    assert made == NUM_PEOPLE * NUM_ROUNDS


def test_the_time_that_pages_take_is_told(
    busy_box: "RunningBox", capsys: pytest.CaptureFixture[str]
) -> None:
    visitor = Visitor(busy_box)
    visitor.sign_in("p0")
    slow = []
    for page in PAGES + MANAGER_PAGES:
        first = len(visitor.page_times_s)
        for _ in range(NUM_TIMED):
            visitor.ask("GET", page)
        times_s = sorted(visitor.page_times_s[first:])
        p50, p95 = statistics.median(times_s), times_s[int(0.95 * (len(times_s) - 1))]
        with capsys.disabled():
            print(  # noqa: T201
                f"{page}: median {p50 * 1000:.0f} ms, p95 {p95 * 1000:.0f} ms, "
                f"worst {times_s[-1] * 1000:.0f} ms"
            )
        slow += [page] if p95 > PAGE_LIMIT_S else []
    visitor.close()
    with capsys.disabled():
        num_locked = busy_box.log().count(LOCKED)
        print(f"load: one person alone: {summary([visitor], num_locked)}")  # noqa: T201
    assert visitor.failures == []
    # Only on a machine that does nothing else does a time say anything of the box.
    assert not (IS_LONG and slow)
