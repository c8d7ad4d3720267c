# SPDX-License-Identifier: Apache-2.0
"""The page of updates, over a daemon that is played."""

import re
import sqlite3
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from msgspec.structs import replace
from tests.appliance_stand_in import (
    BACK,
    JOB,
    MARKUP,
    OFFER,
    RELEASE,
    RETURNED,
    STATES,
    TRIAL,
    WELL,
    UpdatesStandIn,
)

from atre.errors import EngineUnavailableError, StorageError, UpdateError, UpdateProblem
from atre.ipc.backup_replies import JobState
from atre.ipc.update_messages import SourceKind, UpdateSource
from atre.ipc.update_replies import Check, SlotState, UpdatePolicy, UpdateStage
from atre.sentence import Sentence
from atre_web.accounts import audit
from atre_web.accounts.principal import Role
from atre_web.updates.blueprint import UPDATES
from atre_web.updates.words import check_name, job_shown, slot_state

INSTALL = {"version": "1.5.0", "source": "usb", "location": "/media/MISE-A-JOUR", "when": "now"}


@pytest.fixture
def daemon() -> UpdatesStandIn:
    return UpdatesStandIn()


@pytest.fixture
def manager(daemon: UpdatesStandIn, sign_in: Callable[[Role], FlaskClient]) -> FlaskClient:
    client = sign_in("manager")
    client.application.extensions[UPDATES] = daemon
    client.environ_base["HTTP_ACCEPT"] = "text/html"
    client.set_cookie("atre-language", "fr")
    return client


def page(client: FlaskClient, status: int = 200, language: str = "fr") -> str:
    answer = client.get(f"/updates?lang={language}")
    assert answer.status_code == status
    return plain(answer.text)


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", text.replace("\u00a0", " ").replace("\u202f", " "))


def test_every_state_is_shown_in_both_languages(
    manager: FlaskClient, daemon: UpdatesStandIn
) -> None:
    for name, state in (*STATES.items(), ("well", WELL)):
        daemon.state = state
        for language in ("fr", "en"):
            shown = page(manager, language=language)
            assert not re.search(r"%\(\w+\)s", shown), name
            assert MARKUP not in shown, name
            assert state.version in shown, name


def test_what_changes_is_told_in_the_readers_language(
    manager: FlaskClient, daemon: UpdatesStandIn
) -> None:
    daemon.state = STATES["ready"]
    french, english = page(manager), page(manager, language="en")
    assert "Les sauvegardes vont sur deux serveurs." in french
    assert "Backups go to two servers." in english
    assert "1,2 Go" in french
    assert "sécurité" in french
    assert "redémarrer à 3 h" in french
    assert "Elle retrouve les comptes et les conversations du" in french


def test_a_release_that_does_not_fit_says_why_and_has_no_button(
    manager: FlaskClient, daemon: UpdatesStandIn
) -> None:
    refusal = Sentence("It is older.", "Elle est plus ancienne.")
    daemon.state = replace(WELL, offer=replace(OFFER, refusal=refusal))
    assert "Elle est plus ancienne." in page(manager)
    assert 'action="/updates/install"' not in page(manager)
    daemon.state = replace(WELL, offer=replace(OFFER, release=None))
    assert "Rien de plus récent" in page(manager)


def test_an_install_goes_on_without_a_browser_and_shows_where_it_is(
    manager: FlaskClient, daemon: UpdatesStandIn
) -> None:
    daemon.state = STATES["writing"]
    shown = page(manager)
    assert "42 % · 520 Mo sur 1,2 Go" in shown
    assert '<noscript><meta http-equiv="refresh" content="5; url=/updates"></noscript>' in shown
    assert 'action="/updates/cancel"' not in shown, "a slot that is being written"
    assert 'action="/updates/install"' not in shown
    first = manager.get("/api/panel/updates.json").json
    assert first is not None
    assert f'data-version="{first["version"]}"' in shown
    daemon.state = replace(WELL, offer=OFFER, job=replace(JOB, fraction=0.5))
    second = manager.get("/api/panel/updates.json").json
    assert second is not None
    assert (second["version"], second["job"]["fraction"]) == (first["version"], 0.5)
    daemon.state = STATES["trial"]
    assert manager.get("/api/panel/updates.json").json != second
    assert "http-equiv" in page(manager)
    daemon.state = WELL
    assert "http-equiv" not in page(manager)


def test_every_button_asks_for_what_it_says(
    manager: FlaskClient, daemon: UpdatesStandIn, database: sqlite3.Connection
) -> None:
    daemon.state = STATES["ready"]
    assert manager.post("/updates/install", data=INSTALL).status_code == 303
    manager.post("/updates/install", data={**INSTALL, "when": "hour"})
    source = UpdateSource(kind=SourceKind.USB, location="/media/MISE-A-JOUR")
    for kind in ("usb", "channel"):
        assert manager.post("/updates/check", data={"source": kind}).status_code == 303
    daemon.state = STATES["waiting"]
    for verb in ("restart", "cancel"):
        assert manager.post(f"/updates/{verb}", data={"job": "7"}).status_code == 303
    daemon.state = STATES["trial"]
    assert manager.post("/updates/confirm", data={"version": "1.5.0"}).status_code == 303
    assert daemon.asked == [
        ("install", (source, False)),
        ("install", (source, True)),
        ("check", UpdateSource(kind=SourceKind.USB)),
        ("check", UpdateSource(kind=SourceKind.CHANNEL)),
        ("restart", None),
        ("cancel", None),
        ("confirm", None),
    ]
    actions = [entry.action for entry in audit.latest(database, limit=3)]
    assert actions == ["update.confirm", "update.cancel", "update.restart"]


def test_going_back_is_confirmed_and_answered_before_the_box_is_gone(
    manager: FlaskClient, daemon: UpdatesStandIn
) -> None:
    daemon.state = STATES["ready"]
    unsure = manager.post("/updates/back", data={"version": "1.3.2"})
    assert unsure.status_code == 400
    assert daemon.asked == []
    sure = manager.post("/updates/back", data={"version": "1.3.2", "sure": "yes"})
    assert sure.status_code == 200
    assert "redémarre avec la version d’avant" in sure.text
    assert '<noscript><meta http-equiv="refresh" content="60; url=/updates">' in sure.text
    assert daemon.asked == [("go_back", None)]
    daemon.state = replace(
        WELL, go_back=replace(BACK, refusal=Sentence("A month is over.", "Le mois est passé."))
    )
    assert "Le mois est passé." in page(manager)
    again = manager.post("/updates/back", data={"version": "1.3.2", "sure": "yes"})
    assert again.status_code == 409


SLOWER = [
    ("install", {**INSTALL, "version": "1.6.0"}),
    ("install", {**INSTALL, "location": "/media/AUTRE"}),
    ("install", {**INSTALL, "source": "nowhere"}),
    ("install", {}),
    ("cancel", {"job": "6"}),
    ("restart", {"job": "6"}),
    ("confirm", {"version": "1.5.0"}),
    ("back", {"version": "1.2.0", "sure": "yes"}),
]


def test_of_two_managers_the_slower_one_does_nothing(
    manager: FlaskClient, daemon: UpdatesStandIn
) -> None:
    daemon.state = replace(STATES["ready"], job=replace(JOB, state=JobState.DONE))
    for verb, form in SLOWER:
        answer = manager.post(f"/updates/{verb}", data=form)
        assert answer.status_code == 409, (verb, form)
        assert "Relisez cette page" in answer.text
    assert daemon.asked == []


def test_what_is_no_choice_is_refused_with_what_to_do(
    manager: FlaskClient, daemon: UpdatesStandIn
) -> None:
    for source in ("", "url", "file", "x" * 5000, "usb\x00"):
        assert manager.post("/updates/check", data={"source": source}).status_code == 400
    for hour in ("24", "-1", "", "trois", "9" * 5000):
        answer = manager.post("/updates/policy", data={"hour": hour})
        assert answer.status_code == 400, hour
    long = {"hour": "4", "backup_target": "x" * 101}
    assert manager.post("/updates/policy", data=long).status_code == 400
    assert daemon.asked == []
    form = {"hour": "4", "asks_channel": "yes", "backup_target": "disk-1"}
    assert manager.post("/updates/policy", data=form).status_code == 303
    policy = UpdatePolicy(asks_channel=True, hour=4, backup_target="disk-1")
    assert daemon.asked == [("set_policy", policy)]


def test_the_internet_is_asked_only_where_somebody_allowed_it(
    manager: FlaskClient, daemon: UpdatesStandIn
) -> None:
    ask = '<input type="hidden" name="source" value="channel">'
    assert ask not in page(manager)
    assert "Ce boîtier ne demande rien à Internet" in page(manager)
    daemon.state = replace(WELL, policy=UpdatePolicy(asks_channel=True))
    assert ask in page(manager)
    assert "updates.example.org" in page(manager)
    daemon.state = replace(daemon.state, channel_host="")
    assert ask not in page(manager)


def test_a_refusal_of_the_box_is_shown(manager: FlaskClient, daemon: UpdatesStandIn) -> None:
    for problem in UpdateProblem:
        daemon.error = UpdateError("Why <b>.", "Pourquoi <b>.", problem=problem)
        answer = manager.post("/updates/check", data={"source": "usb"})
        assert answer.status_code in {400, 409}, problem
        assert "Pourquoi &lt;b&gt;." in answer.text


def test_a_daemon_that_is_down_is_said(manager: FlaskClient, daemon: UpdatesStandIn) -> None:
    daemon.error = StorageError("The disk failed.", "Le disque a échoué.")
    refused = manager.post("/updates/check", data={"source": "usb"})
    assert refused.status_code == 503
    assert "Le disque a échoué." in refused.text
    daemon.error = EngineUnavailableError("down")
    assert "ne répond pas" in page(manager, 503)
    for verb in ("install", "policy", "check"):
        answer = manager.post(f"/updates/{verb}", data={"source": "usb", "hour": "3"})
        assert answer.status_code == 503, verb


def test_a_box_without_its_image_says_why_it_cannot_be_updated_here(
    manager: FlaskClient, daemon: UpdatesStandIn
) -> None:
    daemon.state = STATES["absent"]
    shown = page(manager)
    assert "n’a pas démarré de l’image d’Âtre" in shown
    assert "<form" not in shown.split("<main")[1]


def test_why_the_box_went_back_is_told_with_the_log(
    manager: FlaskClient, daemon: UpdatesStandIn
) -> None:
    daemon.state = STATES["returned"]
    shown = page(manager)
    assert "La nouvelle version n’a pas écrit un seul mot" in shown
    assert "Ce point n’a jamais été vrai : le modèle a écrit un mot." in shown
    assert "cannot load the model" in shown
    daemon.state = replace(WELL, last_return=replace(RETURNED, log="z" * 10**6, was_asked=True))
    shown = page(manager)
    assert "à votre demande" in shown
    assert len(shown) < 60_000


def test_a_release_of_a_thousand_points_stays_a_page(
    manager: FlaskClient, daemon: UpdatesStandIn
) -> None:
    point = Sentence("point", "")
    daemon.state = replace(
        WELL, offer=replace(OFFER, release=replace(RELEASE, changes=[point] * 1000, made_at=None))
    )
    assert page(manager).count("<li>point</li>") == 100


def test_a_trial_may_be_kept_by_hand_and_nothing_new_begins_before(
    manager: FlaskClient, daemon: UpdatesStandIn
) -> None:
    daemon.state = replace(WELL, trial=TRIAL, offer=OFFER)
    shown = page(manager)
    assert shown.count('class="passed"') == 2
    assert 'action="/updates/install"' not in shown
    assert 'action="/updates/upload"' not in shown
    assert "Le modèle se charge." in shown


def test_every_state_stage_and_check_has_words_of_its_own(manager: FlaskClient) -> None:
    with manager.application.test_request_context("/?lang=en"):
        stages = [job_shown(replace(JOB, stage=each)) for each in UpdateStage]
        assert len({each.sentence for each in stages if each}) == len(UpdateStage)
        assert len({slot_state(each) for each in SlotState}) == len(SlotState)
        assert len({check_name(each) for each in Check}) == len(Check)
        failed = job_shown(replace(JOB, state=JobState.FAILED, is_install=False))
        assert failed is not None
        assert failed.is_problem
        assert job_shown(replace(JOB, state=JobState.DONE)) is None
