# SPDX-License-Identifier: Apache-2.0
"""Pages about backups that guard something: the typed word, limits, keys, and the claim code."""

import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from flask.testing import FlaskClient
from msgspec.structs import replace

from atre.config import Config
from atre.errors import BackupError, BackupProblem, EngineUnavailableError
from atre.ipc.backup_messages import AddKey, BackupOrder, ThinBackup
from atre.ipc.backup_replies import (
    BackupJob,
    BackupOverview,
    BackupPolicy,
    BackupTarget,
    JobKind,
    JobState,
    KeyListing,
    RecoverySheet,
    RepositoryKey,
    RestorePhase,
    RestoreState,
    SheetState,
)
from atre.ipc.media_messages import DiskReport, DiskState, Targets, TargetState
from atre_web import create_app
from atre_web.accounts import claim, passwords
from atre_web.accounts.database import connect
from atre_web.accounts.door import open_door
from atre_web.accounts.principal import Role
from atre_web.backups.blueprint import overview_or_none

PASSWORD = "quatre mots à la suite"
TARGET = BackupTarget(
    id="disk-1", name="Lundi", location="SanDisk", is_present=True, state=TargetState.READY,
    reason=None, is_removable=True, free_bytes=10**9, last_backup_at=1.8e9, last_snapshot="ab",
    last_checked_at=None, last_proven=None, last_drill=None, problem="", message="",
    message_fr="",
)  # fmt: skip
OVERVIEW = BackupOverview(
    unit="0a1b2c3d", program="0.18.0", program_problem="", program_problem_fr="",
    policy=BackupPolicy(), targets=[TARGET], sheet=SheetState.CONFIRMED, job=None,
    restore=RestoreState(
        phase=RestorePhase.STAGED, snapshot="ab", snapshot_at=1.8e9, unit="0a1b2c3d", at=1.8e9,
        kept_bytes=0,
    ),
    wanted_models=[], next_at=None,
)  # fmt: skip
KEYS = KeyListing(
    target="disk-1",
    keys=[
        RepositoryKey(id="11" * 8, role="box", name="", made_at="", is_current=True),
        RepositoryKey(id="22" * 8, role="sheet", name="1", made_at="", is_current=False),
        RepositoryKey(id="33" * 8, role="manager", name="marie", made_at="", is_current=False),
    ],
)
DISK = DiskReport(
    id="4A1B", name="SanDisk Ultra", label="PAIE 2026", filesystem="exfat", size_bytes=10**9,
    state=DiskState.OFFERED, reason=None, confirmation=None,
)  # fmt: skip


SHEET = RecoverySheet(
    unit="0a1b2c3d", key="7F3AK", payload="ATRE 0a1b2c3d 7F3AK", made_at=1.8e9, is_confirmed=False
)


class Backups:
    """Answers as ``atred`` would, and notes what it was told to do."""

    def __init__(self) -> None:
        self.overview = OVERVIEW
        self.done: list[object] = []
        self.is_slow = False
        self.printed = SHEET

    def describe(self, **_: float) -> BackupOverview:
        if self.is_slow:
            raise EngineUnavailableError("It does not answer.", "Il ne répond pas.")
        return self.overview

    def apply_restore(self) -> BackupOverview:
        self.done.append("apply")
        return self.overview

    def set_policy(self, policy: BackupPolicy) -> BackupOverview:
        self.done.append(policy)
        return self.overview

    def start(self, order: BackupOrder) -> BackupJob:
        self.done.append(order)
        return BackupJob(id="1", kind=JobKind.THIN, target=order.target, state=JobState.RUNNING)

    def sheet(self, *, renew: bool) -> RecoverySheet:
        assert not renew
        return self.printed

    def keys(self, target: str) -> KeyListing:
        self.done.append(target)
        return KEYS

    def add_key(self, request: AddKey) -> KeyListing:
        if len(request.password) < 12:
            raise BackupError("Too short.", "Trop courte.", problem=BackupProblem.WRONG_KEY)
        self.done.append(request)
        return KEYS

    def remove_key(self, target: str, key_id: str) -> KeyListing:
        if key_id.startswith("11"):
            raise BackupError("Not this.", "Pas celle-ci.", problem=BackupProblem.KEY_UNKNOWN)
        self.done.append((target, key_id))
        return KEYS


class Media:
    """A disk with a telling name is plugged in."""

    def targets(self) -> Targets:
        return Targets(revision=1, targets=[], disks=[DISK], no_disks=None, sftp_key=None)


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_MEMORY_KIB", 64)
    monkeypatch.setattr(passwords, "_PASSES", 1)


@pytest.fixture
def backups() -> Backups:
    return Backups()


@pytest.fixture
def manager(
    sign_in: Callable[[Role], FlaskClient], config: Config, backups: Backups
) -> FlaskClient:
    client = sign_in("manager")
    client.application.extensions |= {"atre.backups": backups, "atre.media": Media()}
    client.environ_base["HTTP_ACCEPT"] = "text/html"
    client.set_cookie("atre-language", "fr")
    with closing(connect(config.database)) as connection:
        # Not by set_password, which closes her sessions.
        connection.execute("UPDATE people SET password = ?", (passwords.hashed(PASSWORD),))
    return client


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"word": "RESTAURER", "current": "un autre mot de passe"}, 400),
        ({"word": "", "current": PASSWORD}, 400),
        ({"word": "RESTAURE", "current": PASSWORD}, 400),
        ({"word": " restaurer ", "current": PASSWORD}, 303),
    ],
)
def test_the_box_starts_anew_only_after_the_word_and_the_password(
    manager: FlaskClient, backups: Backups, form: dict[str, str], status: int
) -> None:
    answer = manager.post("/backups/restore/apply", data=form)
    assert answer.status_code == status
    assert backups.done == (["apply"] if status == 303 else [])


def policy(**changes: str) -> dict[str, str]:
    numbers = {"hour": "3", "keep_hourly": "1", "keep_daily": "2", "keep_weekly": "3"}
    return {**numbers, "keep_monthly": "4", "drill_every_days": "5", **changes}


@pytest.mark.parametrize(
    "wrong",
    [{"hour": "24"}, {"hour": "-1"}, {"keep_daily": "1001"}, {"keep_hourly": "x"},
     {"drill_every_days": "366"}, {"keep_weekly": ""}, {"keep_monthly": "1.5"}],
)  # fmt: skip
def test_a_rule_beyond_its_limits_changes_nothing(
    manager: FlaskClient, backups: Backups, wrong: dict[str, str]
) -> None:
    answer = manager.post("/backups/policy", data=policy(**wrong))
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert backups.done == []


def test_a_rule_within_its_limits_is_kept(manager: FlaskClient, backups: Backups) -> None:
    assert manager.post("/backups/policy", data=policy(is_on="yes")).status_code == 303
    (kept,) = backups.done
    assert kept == BackupPolicy(
        is_on=True, hour=3, keep_hourly=1, keep_daily=2, keep_weekly=3, keep_monthly=4,
        drill_every_days=5,
    )  # fmt: skip


def test_the_key_of_an_encrypted_disk_is_on_the_sheet(
    manager: FlaskClient, backups: Backups
) -> None:
    plain = manager.post("/backups/sheet", data={"current": PASSWORD}).text
    assert SHEET.key in plain
    assert "Clé du disque" not in plain
    backups.printed = replace(SHEET, disk_key="dbfiugbr-cvtjjeld")
    encrypted = manager.post("/backups/sheet", data={"current": PASSWORD}).text
    assert "<code>dbfiugbr-cvtjjeld</code>" in encrypted
    wrong = manager.post("/backups/sheet", data={"current": "un autre"})
    assert wrong.status_code == 403
    assert "dbfiugbr" not in wrong.text


def test_only_a_manager_s_key_can_be_removed(manager: FlaskClient, backups: Backups) -> None:
    page = manager.get("/backups/sheet?target=disk-1").text
    assert [f'value="{each.id}"' in page for each in KEYS.keys] == [False, False, True]
    refused = manager.post("/backups/keys/remove", data={"target": "d", "key_id": "11" * 8})
    assert (refused.status_code, "Pas celle-ci" in refused.text) == (400, True)
    assert manager.post(
        "/backups/keys/remove", data={"target": "d", "key_id": "33" * 8}
    ).status_code == 200  # fmt: skip
    assert backups.done == ["disk-1", ("d", "33" * 8)]


def test_a_key_of_a_manager_s_own_is_never_shown(manager: FlaskClient, backups: Backups) -> None:
    form = {"target": "d", "name": " Marie ", "password": "court"}
    assert manager.post("/backups/keys/add", data=form).status_code == 400
    form["password"] = "une longue phrase"
    added = manager.post("/backups/keys/add", data=form)
    assert added.status_code == 200
    assert "une longue phrase" not in added.text
    assert backups.done == [AddKey(target="d", name="marie", password="une longue phrase")]


def test_a_full_place_offers_to_thin_and_a_clock_that_jumped_is_told(
    manager: FlaskClient, backups: Backups
) -> None:
    full = replace(TARGET, is_present=False, state=TargetState.FULL)
    backups.overview = replace(OVERVIEW, targets=[full], ahead_until=1.9e9)
    page = manager.get("/backups").text.replace("\N{NO-BREAK SPACE}", " ")
    assert 'action="/backups/thin"' in page
    assert "Gardez moins de sauvegardes" in page
    assert "dans le futur : l’horloge a sauté" in page
    assert 'action="/backups/create"' not in page
    assert manager.post("/backups/thin", data={"target": "disk-1"}).status_code == 303
    assert backups.done == [ThinBackup(target="disk-1")]
    backups.overview = replace(OVERVIEW, targets=[replace(full, state=TargetState.ABSENT)])
    assert 'action="/backups/thin"' not in manager.get("/backups").text


def test_a_server_that_is_down_holds_up_no_other_page(
    manager: FlaskClient, backups: Backups, monkeypatch: pytest.MonkeyPatch
) -> None:
    with manager.application.app_context():
        assert overview_or_none() == OVERVIEW
        backups.is_slow = True
        assert overview_or_none() == OVERVIEW, "what was known last"
        later = time.monotonic() + 3600
        monkeypatch.setattr("atre_web.backups.blueprint.time.monotonic", lambda: later)
        assert overview_or_none() is None


@pytest.fixture
def stranger(config: Config, backups: Backups) -> tuple[FlaskClient, str]:
    """Somebody at a box that is nobody's yet, and the code that it printed."""
    open_door(config, run_key=False)
    app = create_app(config)
    app.extensions |= {"atre.backups": backups, "atre.media": Media()}
    client = app.test_client()
    client.environ_base |= {"HTTP_ORIGIN": "http://localhost", "HTTP_ACCEPT": "text/html"}
    client.set_cookie("atre-language", "fr")
    with app.app_context(), closing(connect(config.database)) as connection:
        from atre_web.accounts import current  # noqa: PLC0415 -- of this app

        code = claim.new_code(connection, "start", uptime=current.uptime())
    return client, code


def ask(client: FlaskClient, code: str, **form: str) -> Any:
    return client.post("/claim/restore", data={"code": code, "step": "places", **form})


def test_disks_are_named_only_to_who_knows_the_code(stranger: tuple[FlaskClient, str]) -> None:
    client, code = stranger
    for closed in (client.get("/claim/restore"), client.get(f"/claim/restore?code={code}")):
        assert closed.status_code == 200
        assert "PAIE" not in closed.text
    for form in ({}, {"step": "list"}, {"step": "wait"}, {"step": "apply"}):
        wrong = ask(client, "0000-0000-0000", **form)
        assert wrong.status_code == 400
        assert "PAIE" not in wrong.text
        assert 'name="key"' not in wrong.text
    right = ask(client, code)
    assert right.status_code == 200
    assert "PAIE 2026" in right.text


def test_after_five_wrong_codes_the_right_one_waits(
    stranger: tuple[FlaskClient, str], backups: Backups
) -> None:
    client, code = stranger
    for _ in range(5):
        assert ask(client, "0000-0000-0000").status_code == 400
    told = ask(client, code, step="apply")
    assert told.status_code == 400
    assert "PAIE" not in told.text
    assert backups.done == []
