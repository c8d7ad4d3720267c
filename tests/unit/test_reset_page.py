# SPDX-License-Identifier: Apache-2.0
"""A manager makes the box as new: only with the serial and the password, and told what is lost."""

import sqlite3
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from msgspec.structs import replace
from tests.appliance_stand_in import MACHINE, NOW, ApplianceStandIn
from tests.unit.test_backup_findings import DISK, WELL

from atre_web.accounts import audit, passwords, people
from atre_web.accounts.principal import Role
from atre_web.appliance.client import APPLIANCE
from atre_web.appliance.reset_page import backup_age

PASSWORD = "quatre mots à la suite"
RIGHT = {"typed": MACHINE.serial, "current": PASSWORD}


@pytest.fixture
def machine() -> ApplianceStandIn:
    return ApplianceStandIn()


@pytest.fixture
def manager(
    machine: ApplianceStandIn,
    sign_in: Callable[[Role], FlaskClient],
    database: sqlite3.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> FlaskClient:
    monkeypatch.setattr(passwords, "_MEMORY_KIB", 64)
    monkeypatch.setattr(passwords, "_PASSES", 1)
    client = sign_in("manager")
    client.application.extensions[APPLIANCE] = machine
    client.environ_base["HTTP_ACCEPT"] = "text/html"
    client.set_cookie("atre-language", "fr")
    marie = people.by_login(database, "marie")
    assert marie
    database.execute(
        "UPDATE people SET password = ? WHERE id = ?", (passwords.hashed(PASSWORD), marie.id)
    )
    return client


def test_everything_is_said_before_and_the_order_names_who_gave_it(
    manager: FlaskClient, machine: ApplianceStandIn, database: sqlite3.Connection
) -> None:
    page = manager.get("/reset").text
    assert MACHINE.serial in page
    assert page.index("D’abord, la sauvegarde") < page.index("Ce qui est perdu")
    assert page.index("Ce qui est perdu") < page.index('action="/reset"')
    assert "les comptes (1)" in page
    answer = manager.post("/reset", data=RIGHT)
    assert answer.status_code == 200
    assert "Le boîtier efface tout" in answer.text
    assert machine.machine.factory_reset is not None
    assert machine.machine.factory_reset.by == "Marie"
    pending = manager.get("/reset").text
    assert "Demandé par Marie" in pending
    assert 'action="/reset"' not in pending
    assert manager.post("/reset/undo").status_code == 303
    assert machine.machine.factory_reset is None
    actions = [entry.action for entry in audit.latest(database, limit=2)]
    assert actions == ["reset.undo", "reset.order"]


def test_nothing_is_erased_without_the_serial_and_the_password(
    manager: FlaskClient, machine: ApplianceStandIn, database: sqlite3.Connection
) -> None:
    for form, status in (
        ({}, 403),
        ({"typed": MACHINE.serial}, 403),
        ({**RIGHT, "current": PASSWORD + "\x00"}, 403),
        ({**RIGHT, "typed": ""}, 400),
        ({**RIGHT, "typed": MACHINE.serial.lower()}, 400),
        ({**RIGHT, "typed": "x" * 10**5}, 400),
    ):
        answer = manager.post("/reset", data=form)
        assert answer.status_code == status, form
        assert 'role="alert"' in answer.text
    assert machine.machine.factory_reset is None
    statuses = {manager.post("/reset", data={"current": "no"}).status_code for _ in range(11)}
    assert statuses == {403, 429}
    assert manager.post("/reset", data=RIGHT).status_code == 429
    assert "reset.order" not in {entry.action for entry in audit.latest(database, limit=50)}


def test_a_machine_that_nobody_starts_anew_says_so(
    manager: FlaskClient, machine: ApplianceStandIn
) -> None:
    machine.machine = replace(MACHINE, is_image=False)
    assert "relancez-le" in manager.post("/reset", data=RIGHT).text


def test_a_daemon_that_is_down_is_said(manager: FlaskClient) -> None:
    del manager.application.extensions[APPLIANCE]
    answer = manager.get("/reset")
    assert answer.status_code == 503
    assert "ne répond pas" in answer.text


@pytest.mark.parametrize(
    ("age_s", "is_old"), [(None, True), (3600, False), (30 * 3600, False), (40 * 3600, True)]
)
def test_the_age_of_the_backup_decides_how_loud_it_is(
    manager: FlaskClient, age_s: float | None, *, is_old: bool
) -> None:
    at = None if age_s is None else NOW - age_s
    with manager.application.test_request_context("/?lang=en"):
        found = backup_age(replace(WELL, targets=[replace(DISK, last_backup_at=at)]), NOW)
        assert found.is_old is is_old
        assert backup_age(None, NOW).is_old
