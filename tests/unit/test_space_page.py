# SPDX-License-Identifier: Apache-2.0
"""Limits of space on the system page, and a backup target's name, with a daemon that stands in."""

import sqlite3
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from tests.unit.test_backup_findings import WELL

from atre.errors import EngineUnavailableError
from atre.ipc.backup_replies import BackupOverview, BackupPolicy
from atre.ipc.media_messages import MediaRequest, RenameTarget, SetSpaceLimits, SpaceReport, Targets
from atre.space.level import SpaceLevel
from atre.space.limits import SpaceLimits
from atre_web.accounts import audit
from atre_web.accounts.principal import Role

REPORT = SpaceReport(
    level=SpaceLevel.OK, free_bytes=90 * 10**9, total_bytes=100 * 10**9,
    parts={"models": 8 * 10**9, "logs": 10**6}, limits=SpaceLimits(models=1500 * 10**9),
)  # fmt: skip


class Daemon:
    """Places, space and backups: notes what it is asked, or is down."""

    def __init__(self) -> None:
        self.asked: list[object] = []
        self.is_down = False

    def space(self) -> SpaceReport:
        return self._answer(REPORT)

    def set_limits(self, request: SetSpaceLimits) -> SpaceReport:
        self.asked.append(request.limits)
        return self._answer(REPORT)

    def targets(self) -> Targets:
        return Targets(revision=1, targets=[], disks=[], no_disks=None, sftp_key=None)

    def change(self, request: MediaRequest) -> Targets:
        self.asked.append(request)
        return self.targets()

    def describe(self) -> BackupOverview:
        return WELL

    def set_policy(self, policy: BackupPolicy) -> BackupOverview:
        self.asked.append(policy)
        return WELL

    def _answer(self, report: SpaceReport) -> SpaceReport:
        if self.is_down:
            raise EngineUnavailableError("It is down.", "Il est arrêté.")
        return report


@pytest.fixture
def daemon(chat_app: Flask) -> Daemon:
    made = Daemon()
    chat_app.extensions["atre.media"] = chat_app.extensions["atre.backups"] = made
    return made


@pytest.fixture
def manager(sign_in: Callable[[Role], FlaskClient]) -> FlaskClient:
    made = sign_in("manager")
    made.environ_base["HTTP_ACCEPT"] = "text/html"
    made.environ_base["HTTP_ACCEPT_LANGUAGE"] = "fr"
    return made


def test_the_system_page_tells_what_takes_the_room(daemon: Daemon, manager: FlaskClient) -> None:
    page = manager.get("/system").text
    for words in ("Modèles", "8\N{NO-BREAK SPACE}Go", "90\N{NO-BREAK SPACE}Go sur 100", '"1500"'):
        assert words in page, words
    daemon.is_down = True
    assert "ne répond pas" in manager.get("/system").text


@pytest.mark.parametrize(
    ("language", "typed", "wanted"),
    [
        ("fr", "20", 20 * 10**9),
        ("fr", "2,5", 2_500_000_000),
        ("en", "2.5", 2_500_000_000),
        ("fr", "1\N{NARROW NO-BREAK SPACE}500", 1500 * 10**9),
        ("fr", "", None),
    ],
)
def test_limits_are_set_in_gigabytes(
    daemon: Daemon,
    manager: FlaskClient,
    database: sqlite3.Connection,
    language: str,
    typed: str,
    wanted: int | None,
) -> None:
    manager.environ_base["HTTP_ACCEPT_LANGUAGE"] = language
    answer = manager.post("/system/space", data={"models": typed, "attachments": ""})
    assert answer.status_code == 303
    assert daemon.asked == [SpaceLimits(models=wanted)]
    assert audit.latest(database, limit=1)[0].action == "space.limits"


@pytest.mark.parametrize(
    ("language", "typed"),
    [("fr", each) for each in ("0", "-3", "beaucoup", "1e9", "nan", ".", "2000000", "9" * 4000)]
    + [("en", "1,500")],
)
def test_what_is_no_size_is_refused_and_shown_again(
    daemon: Daemon, manager: FlaskClient, language: str, typed: str
) -> None:
    manager.environ_base["HTTP_ACCEPT_LANGUAGE"] = language
    answer = manager.post("/system/space", data={"models": "1", "attachments": typed})
    assert answer.status_code == 400
    assert "2,5" in answer.text or "2.5" in answer.text
    assert f'name="attachments" inputmode="decimal" value="{typed[:20]}"' in answer.text
    assert answer.text.count('aria-invalid="true"') == 1
    assert daemon.asked == []


def test_a_daemon_that_is_down_changes_nothing(
    daemon: Daemon, manager: FlaskClient, database: sqlite3.Connection
) -> None:
    daemon.is_down = True
    answer = manager.post("/system/space", data={"models": "1"})
    assert (answer.status_code, "Il est arrêté." in answer.text) == (503, True)
    assert audit.latest(database, limit=5) == []


def test_a_place_for_backups_is_renamed(
    daemon: Daemon, manager: FlaskClient, database: sqlite3.Connection
) -> None:
    page = manager.get("/backups").text
    assert 'action="/backups/targets/rename"' in page
    form = {"target": "disk-1", "label": "  Jeudi \t soir "}
    assert manager.post("/backups/targets/rename", data=form).status_code == 303
    assert daemon.asked == [RenameTarget(target="disk-1", label="Jeudi soir")]
    (line,) = audit.latest(database, limit=5)
    assert (line.action, line.subject) == ("backup.target.rename", "Jeudi soir")
    for label in ("", "   ", "a\u202eb", "\x00"):
        form = {"target": "disk-1", "label": label}
        assert manager.post("/backups/targets/rename", data=form).status_code == 400, label
    assert len(daemon.asked) == 1


@pytest.mark.parametrize(("typed", "wanted"), [("", None), ("10", 10)])
def test_the_age_to_warn_at_is_set_with_the_rhythm(
    daemon: Daemon, manager: FlaskClient, typed: str, wanted: int | None
) -> None:
    numbers = dict.fromkeys(("keep_hourly", "keep_daily", "keep_weekly", "keep_monthly"), "1")
    form = {"hour": "2", "drill_every_days": "7", "warn_after_days": typed, **numbers}
    assert manager.post("/backups/policy", data=form).status_code == 303
    (policy,) = daemon.asked
    assert isinstance(policy, BackupPolicy)
    assert policy.warn_after_days == wanted
    for wrong in ("0", "366", "x"):
        answer = manager.post("/backups/policy", data=form | {"warn_after_days": wrong})
        assert answer.status_code == 400, wrong
    assert len(daemon.asked) == 1
