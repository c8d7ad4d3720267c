# SPDX-License-Identifier: Apache-2.0
"""The administration as a manager's browser sees it, with daemons that are down or stand-ins."""

import csv
import io
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from tests.unit.test_panel_pages import BOX
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse

from atre.config import Config
from atre.errors import EngineUnavailableError, InvalidRequestError
from atre.ipc.box_messages import SupportBundle
from atre.ipc.messages import BoxDescription
from atre.ipc.presence import SleepTimes
from atre_web import create_app
from atre_web.accounts import audit, invitations, settings, usage
from atre_web.accounts.database import connect
from atre_web.accounts.principal import Role
from atre_web.office.log_lines import last_lines
from atre_web.panel.wording import seconds

ROOMS = ("/admin", "/people", "/network", "/usage", "/usage?by=month", "/power", "/power/settings",
         "/settings", "/system", "/status", "/audit")  # fmt: skip
SAME_ORIGIN = {"Origin": "http://localhost", "Accept": "text/html"}
BIDI = "\u202e"


class Daemon:
    """The management daemon: notes what it is asked, or refuses."""

    def __init__(self) -> None:
        self.asked: list[object] = []
        self.error: Exception | None = None

    def describe(self) -> BoxDescription:
        return self._answer(None)

    def use_certificate(self, certificate: bytes, key: bytes, chain: bytes) -> BoxDescription:
        return self._answer((certificate, key, chain))

    def reset_certificate(self, *, authority: bool) -> BoxDescription:
        return self._answer(("reset", authority))

    def set_discovery(self, *, announced: bool) -> BoxDescription:
        return self._answer(("announced", announced))

    def set_sleep(self, times: SleepTimes | None) -> BoxDescription:
        return self._answer(times)

    def restart_engine(self) -> BoxDescription:
        return self._answer("restart")

    def support_bundle(self) -> SupportBundle:
        self._answer("bundle")
        return SupportBundle(archive=b"archive")

    def _answer(self, asked: object) -> BoxDescription:
        if self.error:
            raise self.error
        if asked is not None:
            self.asked.append(asked)
        return BOX


@pytest.fixture
def app(config: Config, key: str) -> Flask:
    assert key
    return create_app(config)


@pytest.fixture
def daemon(app: Flask) -> Daemon:
    made = Daemon()
    app.extensions["atre.office"] = made
    object.__setattr__(app.extensions["atre.panel"], "box", made)
    return made


Enter = Callable[[Role], FlaskClient]


@pytest.fixture
def enter(app: Flask, settled: Callable[[Role], str]) -> Enter:
    """A browser of somebody of that role."""

    def client(role: Role) -> FlaskClient:
        made = app.test_client(use_cookies=False)
        made.environ_base["HTTP_COOKIE"] = f"atre={settled(role)}; atre-language=fr"
        made.environ_base["HTTP_ACCEPT"] = "text/html"
        return made

    return client


@pytest.fixture
def connection(config: Config, key: str) -> Iterator[sqlite3.Connection]:
    assert key
    with closing(connect(config.database)) as opened:
        yield opened


def post(client: FlaskClient, path: str, form: dict[str, Any]) -> TestResponse:
    return client.post(path, data=form, headers=SAME_ORIGIN)


def test_every_room_opens_while_the_daemons_are_down(enter: Enter) -> None:
    manager = enter("manager")
    for path in ROOMS:
        for language in ("fr", "en"):
            answer = manager.get(f"{path}{'&' if '?' in path else '?'}lang={language}")
            assert answer.status_code == 200, path
            assert re.search(r"%\(\w+\)s", answer.text) is None, path
    home = manager.get("/admin").text
    assert "Le service d’administration ne répond pas" in home
    assert home.index("À réparer") < home.index("Conseil")


@pytest.mark.parametrize("role", ["guest", "member", "manager"])
def test_the_menu_shows_what_opens_and_nothing_else(
    enter: Enter, daemon: Daemon, role: Role
) -> None:
    client = enter(role)
    page = client.get("/usage").text
    links = re.findall(r'<a href="([^"]*)"', "".join(re.findall(r"<nav.*?</nav>", page, re.DOTALL)))
    assert {"guest": 3, "member": 4, "manager": 14}[role] == len(links), links
    for link in links:
        if link in (
            "/models",
            "/backups",
            "/updates",
        ):  # asks the daemon for more than the stand-in has
            continue
        assert client.get(link).status_code == 200, link
    assert page.count('aria-current="page"') == 1
    assert daemon.asked == []


@pytest.mark.parametrize("path", ["/system", "/audit", "/transfer", "/reset"])
def test_a_page_behind_a_room_shows_which_room_that_is(enter: Enter, path: str) -> None:
    page = enter("manager").get(path).text
    assert re.findall(r'<a href="([^"]*)" aria-current="page"', page) == ["/system"]


def add_usage(connection: sqlite3.Connection, now: float) -> None:
    for row in connection.execute("SELECT id FROM people").fetchall():
        connection.execute(
            "INSERT INTO usage VALUES (?, ?, '', 3, 100, 50, ?, NULL)",
            (usage.day_of(connection, now), row[0], 7200.0 if row[0] != "local" else None),
        )


def test_a_member_sees_their_own_usage_and_a_manager_everybodys(
    enter: Enter, connection: sqlite3.Connection
) -> None:
    manager, member = enter("manager"), enter("member")
    connection.execute("UPDATE people SET name = '=cmd|x' WHERE login = 'member'")
    add_usage(connection, time.time())
    assert "Marie" in manager.get("/usage").text
    assert "=cmd|x" in manager.get("/usage").text
    for path in ("/usage", "/usage?by=month", "/usage.csv"):
        assert "Marie" not in member.get(path).text, path
    assert "50" in member.get("/usage").text
    assert "2\N{NO-BREAK SPACE}Wh" in member.get("/usage").text
    exported = manager.get("/usage.csv").data
    assert exported.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(exported.decode("utf-8-sig"))))
    assert {row[1] for row in rows[1:]} == {"Marie", "'=cmd|x", "Clés du boîtier"}
    assert rows[1][2:5] == ["3", "100", "50"]
    assert {row[1]: row[8] for row in rows[1:]} == {
        "Marie": "2", "'=cmd|x": "2", "Clés du boîtier": "",
    }  # fmt: skip


FORM = {
    "version": "0", "office_name": "Étude Roy", "language": "en", "time_zone": "America/Toronto",
    "tokens_per_day": "5000", "max_concurrent": "", "invitation_hours": "24",
}  # fmt: skip


def test_settings_are_kept_and_count_at_once(
    enter: Enter, connection: sqlite3.Connection, app: Flask
) -> None:
    manager = enter("manager")
    answer = post(manager, "/settings", FORM)
    assert (answer.status_code, answer.location) == (303, "/settings?done=1")
    kept, version = settings.read(connection)
    assert version == 1
    assert (kept.office_name, kept.tokens_per_day, kept.max_concurrent) == ("Étude Roy", 5000, None)
    made, _ = invitations.invite(connection, "Luc", "member", created_by=None, now=0.0)
    assert made.expires_at == 24 * 3600.0
    page = manager.get("/settings").text
    assert 'value="America/Toronto" selected' in page
    # A browser that asks for neither French nor English gets the office's language.
    stranger = app.test_client().get("/login", headers={"Accept-Language": "de"})
    assert '<html lang="en">' in stranger.text


def test_two_managers_do_not_overwrite_each_other(
    enter: Enter, connection: sqlite3.Connection
) -> None:
    first, second = enter("manager"), enter("manager")
    assert post(first, "/settings", FORM).status_code == 303
    answer = post(second, "/settings", FORM | {"office_name": "Autre nom"})
    assert answer.status_code == 409
    assert "vient de changer ces réglages" in answer.text
    assert 'value="Étude Roy"' in answer.text
    assert 'name="version" value="1"' in answer.text
    assert settings.read(connection)[0].office_name == "Étude Roy"


@pytest.mark.parametrize(
    "change",
    [
        {"office_name": "x" * 1_000_000},
        {"office_name": f"Étude{BIDI}Roy"},
        {"office_name": "a\x00b"},
        {"time_zone": "Mars/Olympus"},
        {"time_zone": "../../etc/passwd"},
        {"tokens_per_day": "-1"},
        {"tokens_per_day": "1e9"},
        {"max_concurrent": "0"},
        {"max_concurrent": "9" * 1000},
        {"invitation_hours": ""},
        {"invitation_hours": "0"},
        {"invitation_hours": "soon"},
        {"retention_days": "-1"},
        {"retention_days": "4000"},
        {"retention_days": "x"},
    ],
)
def test_nonsense_changes_nothing_and_is_explained(
    enter: Enter, connection: sqlite3.Connection, change: dict[str, str]
) -> None:
    answer = post(enter("manager"), "/settings", FORM | change)
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert settings.read(connection) == (settings.Settings(), 0)


def test_missing_and_extra_fields(enter: Enter, connection: sqlite3.Connection) -> None:
    manager = enter("manager")
    assert post(manager, "/settings", {}).status_code == 400
    assert post(manager, "/settings", {"invitation_hours": "5"}).status_code == 409
    assert post(manager, "/settings", FORM | {"role": "manager", "x": "1"}).status_code == 303
    assert settings.read(connection)[1] == 1


def test_a_stored_value_that_makes_no_sense_counts_as_unset(
    connection: sqlite3.Connection,
) -> None:
    for name, value in {
        "invitation_hours": "x",
        "time_zone": "Nowhere",
        "tokens_per_day": "7",
    }.items():
        settings.put(connection, name, value)
    kept, _ = settings.read(connection)
    assert (kept.invitation_hours, kept.time_zone, kept.tokens_per_day) == (72, "", 7)
    assert settings.zone(connection) is None


def upload(content: bytes, name: str) -> FileStorage:
    return FileStorage(io.BytesIO(content), filename=name)


def test_the_network_page_asks_the_daemon(
    enter: Enter, daemon: Daemon, connection: sqlite3.Connection
) -> None:
    manager = enter("manager")
    assert post(manager, "/network/discovery", {"announced": "no"}).status_code == 303
    assert post(manager, "/network/discovery", {"announced": "yes"}).status_code == 303
    files = {"certificate": upload(b"C", "c.pem"), "key": upload(b"K", "k.pem")}
    answer = post(manager, "/network/certificate", files)
    assert "Le boîtier se sert de votre certificat." in manager.get(answer.location).text
    assert post(manager, "/network/certificate/reset", {}).status_code == 303
    assert post(manager, "/network/certificate/reset", {"authority": "yes"}).status_code == 303
    expected = [("announced", False), ("announced", True), (b"C", b"K", b""), ("reset", False),
                ("reset", True)]  # fmt: skip
    assert daemon.asked == expected
    actions = [entry.action for entry in audit.latest(connection, limit=5)]
    assert actions == ["certificate.authority", "certificate.reset", "certificate.import",
                       "discovery.on", "discovery.off"]  # fmt: skip


def test_what_the_daemon_refuses_is_said_and_not_noted_as_done(
    enter: Enter, daemon: Daemon, connection: sqlite3.Connection
) -> None:
    manager = enter("manager")
    answer = post(manager, "/network/certificate", {})
    assert (answer.status_code, daemon.asked) == (400, [])
    files = {"certificate": upload(b"x" * 300_000, "c.pem"), "key": upload(b"K", "k.pem")}
    assert post(manager, "/network/certificate", files).status_code == 400
    daemon.error = InvalidRequestError("The key is not <b>the certificate's</b>.")
    files = {"certificate": upload(b"C", "c.pem"), "key": upload(b"K", "k.pem")}
    # The page itself still asks the daemon for its facts.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Daemon, "describe", lambda _self: BOX)
        answer = post(manager, "/network/certificate", files)
    assert answer.status_code == 400
    assert "&lt;b&gt;the certificate" in answer.text
    assert '<span lang="en">The key' in answer.text
    daemon.error = InvalidRequestError("The key is another's.", "La clé est d’un autre ; non ?")
    files = {"certificate": upload(b"C", "c.pem"), "key": upload(b"K", "k.pem")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Daemon, "describe", lambda _self: BOX)
        answer = post(manager, "/network/certificate", files)
    assert "<p>La clé est d’un autre\u00a0; non\u00a0?</p>" in answer.text
    daemon.error = EngineUnavailableError("The management daemon is not running.")
    for path, form in (
        ("/network/discovery", {"announced": "no"}),
        ("/system/engine/restart", {}),
        ("/system/bundle", {}),
    ):
        assert post(manager, path, form).status_code == 503, path
    assert audit.latest(connection, limit=5) == []


def test_the_engine_is_restarted_and_the_support_file_handed_out(
    enter: Enter, daemon: Daemon
) -> None:
    manager = enter("manager")
    answer = post(manager, "/system/engine/restart", {})
    assert "Le moteur redémarre" in manager.get(answer.location).text
    bundle = post(manager, "/system/bundle", {})
    assert (bundle.data, bundle.content_type) == (b"archive", "application/gzip")
    assert daemon.asked == ["restart", "bundle"]


def test_logs_are_shown_as_text_and_nothing_else_is_read(
    enter: Enter, daemon: Daemon, config: Config, tmp_path: Path
) -> None:
    logs = config.logs_dir
    logs.mkdir()
    (logs / "atred.log").write_text(f"one <script>\nunder{BIDI}neath \x1b[31m\n")
    (logs / "atre-engine.log.1").write_text("older\n")
    (logs / "atre-engine.log").write_text("newer\n")
    (tmp_path / "secret.log").write_text("a secret")
    manager = enter("manager")
    page = manager.get("/system?log=atred").text
    assert "one &lt;script&gt;" in page
    assert "under·neath ·[31m" in page
    engine = manager.get("/system?log=atre-engine").text
    assert engine.index("older") < engine.index("newer")
    for path in ("../secret", "/etc/passwd", "", "\x00", "x" * 5000):
        assert "a secret" not in manager.get("/system", query_string={"log": path}).text
    assert last_lines(logs, "../secret", 200) == []
    (logs / "long.log").write_bytes(b"y\n" * 500_000)
    assert len(last_lines(logs, "long", 200)) == 200
    assert daemon.asked == []


def test_the_register_has_pages_and_a_file(enter: Enter, connection: sqlite3.Connection) -> None:
    for number in range(120):
        audit.record(
            connection, "session.refused", person_id=None, address=f"10.0.0.{number}", now=number
        )
    manager = enter("manager")
    seen: list[str] = []
    link = "/audit"
    for _ in range(3):
        page = manager.get(link).text
        seen += re.findall(r"10\.0\.0\.\d+", page)
        older = re.search(r'href="(/audit\?before=\d+)"', page)
        link = older[1] if older else ""
    assert seen == [f"10.0.0.{number}" for number in range(119, -1, -1)]
    assert link == "", "the last page leads nowhere"
    for before in ("x", "-1", "9" * 40, "0"):
        assert manager.get("/audit", query_string={"before": before}).status_code == 200
    rows = list(csv.reader(io.StringIO(manager.get("/audit.csv").data.decode("utf-8-sig"))))
    assert len(rows) == 121
    assert rows[1][2:4] == ["Connexion refusée", "session.refused"]


def test_a_wait_that_rounds_to_nothing_is_said_in_words(app: Flask) -> None:
    said = {"fr": "moins de 0,1\N{NO-BREAK SPACE}s", "en": "less than 0.1\N{NO-BREAK SPACE}s"}
    for tag, words in said.items():
        with app.test_request_context(f"/?lang={tag}"):
            assert {seconds(value) for value in (0.0, 0.004, 0.0999)} == {words}
            assert seconds(0.1) in {"0,1\N{NO-BREAK SPACE}s", "0.1\N{NO-BREAK SPACE}s"}


def test_people_are_told_how_long_conversations_are_kept(
    enter: Enter, connection: sqlite3.Connection
) -> None:
    member = enter("member")
    assert "jours sans nouveau message" not in member.get("/").text
    settings.put(connection, settings.RETENTION_DAYS, "90")
    assert "Supprimées après 90 jours sans nouveau message." in member.get("/").text
    assert "Le bureau les garde 90 jours" in member.get("/history").text
