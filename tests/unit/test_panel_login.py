# SPDX-License-Identifier: Apache-2.0
"""From a box that is nobody's to colleagues who sign in, as a browser without scripts sees it."""

import re
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from flask.testing import FlaskClient
from msgspec.structs import replace
from tests.appliance_stand_in import MACHINE, ApplianceStandIn
from werkzeug.test import TestResponse

from atre.choices.owner_mark import waits_for_owner
from atre.config import Config
from atre.sentence import Sentence
from atre_web import create_app
from atre_web.accounts import people, settings
from atre_web.accounts.database import connect
from atre_web.accounts.door import Door, open_door
from atre_web.appliance.client import APPLIANCE

LOOPBACK = "http://127.0.0.1:8765"
TLS = "https://127.0.0.1:8443"
BROWSER = {"Accept": "text/html,*/*;q=0.8"}
PASSWORD = "quatre mots à la suite"
NAME = {"name": "Marie Roy", "login": "Marie", "password": PASSWORD}


@pytest.fixture
def door(config: Config) -> Door:
    return open_door(config, run_key=True)


@pytest.fixture
def stranger(config: Config, door: Door) -> Iterator[FlaskClient]:
    assert door.claim_code
    with create_app(config).test_client() as made:
        yield made


@pytest.fixture
def marie(stranger: FlaskClient, door: Door) -> FlaskClient:
    """The browser with which the box was claimed."""
    assert post(stranger, "/claim", NAME | {"code": str(door.claim_code)}).status_code == 200
    return stranger


@pytest.fixture
def other(marie: FlaskClient) -> FlaskClient:
    """Another browser on the same box."""
    return marie.application.test_client()


def post(
    client: FlaskClient, path: str, form: dict[str, str] | None = None, *, base: str = LOOPBACK
) -> TestResponse:
    headers = BROWSER | {"Origin": base}
    return client.post(path, data=form, base_url=base, headers=headers)


def get(client: FlaskClient, path: str, *, base: str = LOOPBACK) -> TestResponse:
    return client.get(path, base_url=base, headers=BROWSER)


def session_of(client: FlaskClient) -> str:
    kept = client.get_cookie("atre", domain="127.0.0.1")
    assert kept
    return str(kept.value)


def invited(marie: FlaskClient, role: str = "member") -> str:
    """The path of a fresh invitation."""
    page = post(marie, "/people/invitations", {"name": "Luc", "role": role}).text
    found = re.search(r"/invitation/[\w-]+", page)
    assert found
    return found[0]


def test_an_invitation_says_until_when_by_the_offices_setting(
    marie: FlaskClient, config: Config
) -> None:
    with closing(connect(config.database)) as connection:
        office, version = settings.read(connection)
        settings.change(connection, replace(office, invitation_hours=24), version=version)
        page = post(marie, "/people/invitations", {"name": "Luc", "role": "member"}).text
        (ends_at,) = connection.execute("SELECT expires_at FROM invitations").fetchone()
    assert f"jusqu’au {time.localtime(ends_at).tm_mday} " in page
    assert "72" not in page.partition("<main")[2].partition("<section")[0]


def test_every_page_of_a_box_without_owner_leads_to_the_claim(
    stranger: FlaskClient, door: Door
) -> None:
    for path in ("/", "/status", "/login", "/people", "/no/such/page"):
        answer = get(stranger, path)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/claim")
    assert f'value="{door.claim_code}"' in get(stranger, str(door.claim_path)).text
    assert stranger.get("/v1/models").status_code == 401


def test_a_box_that_cannot_open_its_data_does_not_pass_for_new(stranger: FlaskClient) -> None:
    stranger.application.extensions[APPLIANCE] = ApplianceStandIn()
    assert 'role="alert"' not in get(stranger, "/claim").text
    locked = Sentence("The data is locked.", "Les données sont fermées.")
    machine = ApplianceStandIn(replace(MACHINE, data_problem=locked))
    stranger.application.extensions[APPLIANCE] = machine
    page = get(stranger, "/claim").text
    assert locked.text in page or locked.text_fr in page


def test_claiming_signs_in_and_shows_the_recovery_codes_once(
    stranger: FlaskClient, door: Door, config: Config
) -> None:
    assert waits_for_owner(config.state_dir)
    answer = post(stranger, "/claim", NAME | {"code": str(door.claim_code), "office": "Étude"})
    assert not waits_for_owner(config.state_dir)
    assert answer.status_code == 200
    codes = re.findall(r"<code>([\w-]{19})</code>", answer.text)
    assert len(set(codes)) == 8
    assert get(stranger, "/people").status_code == 200
    assert get(stranger, "/claim").headers["Location"] == "/login"
    assert post(stranger, "/claim", NAME | {"code": str(door.claim_code)}).status_code == 400
    other = stranger.application.test_client()
    assert "Étude" in get(other, "/").text


def test_a_claim_from_beyond_the_network_is_refused_whatever_it_says(
    stranger: FlaskClient, door: Door
) -> None:
    answer = stranger.post(
        "/claim",
        data=NAME | {"code": str(door.claim_code)},
        headers=BROWSER | {"Origin": "http://localhost", "X-Forwarded-For": "127.0.0.1"},
        environ_base={"REMOTE_ADDR": "203.0.113.9"},
    )
    assert answer.status_code == 400
    assert "depuis le réseau du boîtier" in answer.text


def test_wrong_codes_are_slowed_down(stranger: FlaskClient, door: Door) -> None:
    wrong = NAME | {"code": "0000-0000-0000"}
    assert [post(stranger, "/claim", wrong).status_code for _ in range(5)] == [403] * 4 + [429]
    answer = post(stranger, "/claim", NAME | {"code": str(door.claim_code)})
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 10


@pytest.mark.parametrize("path", ["/login", "/claim", "/login/recovery"])
def test_a_strangers_page_needs_no_other_file(
    stranger: FlaskClient, marie: FlaskClient, path: str
) -> None:
    page = get(marie.application.test_client(), path)
    if path != "/claim":
        assert "<script" not in page.text
        assert re.findall(r'(?:src|href)="([^"?#]+)', page.text.split("<body")[0]) == ["data:,"]
        nonce = re.search(r'<style nonce="([^"]+)"', page.text)
        assert nonce
        assert f"style-src 'nonce-{nonce[1]}'" in page.headers["Content-Security-Policy"]
    assert stranger


def test_every_page_is_the_login_page_to_a_stranger(other: FlaskClient) -> None:
    for path in ("/", "/status", "/static/atre.css", "/no/such/page", "/people", "/account"):
        answer = get(other, path)
        assert answer.status_code == 401
        assert 'action="/login"' in answer.text


@pytest.mark.parametrize("base", [LOOPBACK, TLS])
def test_a_password_signs_in_with_a_cookie_of_this_host(other: FlaskClient, base: str) -> None:
    answer = post(other, "/login", {"login": "MARIE", "password": PASSWORD}, base=base)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    cookie = answer.headers.getlist("Set-Cookie")[0]
    assert cookie.startswith("__Host-atre=" if base == TLS else "atre=")
    for attribute in ("HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=2592000"):
        assert attribute in cookie
    assert ("Secure" in cookie) == (base == TLS)
    assert "Domain" not in cookie
    assert get(other, "/", base=base).status_code == 200
    assert get(other, "/login", base=base).status_code == 303


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"login": "marie"},
        {"login": "marie", "password": "x" * 100_000},
        {"login": "nobody", "password": PASSWORD},
        {"login": "\x00\u202e", "password": "\x00"},
        {"login": "x" * 1_000_000, "password": "y", "extra": "<script>"},
    ],
)
def test_what_is_wrong_is_told_without_saying_which(
    other: FlaskClient, form: dict[str, str]
) -> None:
    answer = post(other, "/login", form)
    assert answer.status_code == 401
    assert "L’identifiant ou le mot de passe" in answer.text
    assert "Set-Cookie" not in answer.headers
    assert "<script>" not in answer.text


def test_guessing_is_slowed_down(other: FlaskClient) -> None:
    wrong = {"login": "marie", "password": "guess"}
    answers = [post(other, "/login", wrong) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [401] * 4 + [429]
    assert answers[-1].headers["Retry-After"] == "10"
    assert "10 secondes" in answers[-1].text
    assert post(other, "/login", {"login": "marie", "password": PASSWORD}).status_code == 429


def test_signing_out_closes_the_session_itself(marie: FlaskClient) -> None:
    kept = session_of(marie)
    assert post(marie, "/logout").status_code == 303
    assert marie.get_cookie("atre", domain="127.0.0.1") is None
    marie.set_cookie("atre", kept, domain="127.0.0.1")
    assert get(marie, "/").status_code == 401


def test_signing_in_replaces_the_session_before(marie: FlaskClient) -> None:
    before = session_of(marie)
    post(marie, "/login", {"login": "marie", "password": PASSWORD})
    assert session_of(marie) != before, "a session planted before is not kept"
    marie.set_cookie("atre", before, domain="127.0.0.1")
    assert get(marie, "/").status_code == 401


def test_an_invited_colleague_joins_with_one_form(marie: FlaskClient, other: FlaskClient) -> None:
    link = invited(marie)
    for _ in range(2):
        assert get(other, link).status_code == 200, "looking must not use the link up"
    form = {"name": "Luc", "login": "luc", "password": PASSWORD}
    assert post(other, link, form | {"password": "short"}).status_code == 400
    assert post(other, link, form).headers["Location"] == "/"
    assert get(other, "/status").status_code == 200
    assert get(other, "/people").status_code == 403
    assert get(other, link).status_code == 410
    assert post(other, link, form | {"login": "luc2"}).status_code == 410
    assert "Luc" in get(marie, "/people").text


def test_a_guest_sees_the_chat_and_no_keys(marie: FlaskClient, other: FlaskClient) -> None:
    post(other, invited(marie, "guest"), {"name": "G", "login": "g", "password": PASSWORD})
    assert get(other, "/").status_code == 200
    assert get(other, "/status").status_code == 403
    assert "/account/keys" not in get(other, "/account").text
    assert post(other, "/account/keys", {"name": "x", "scope": "chat"}).status_code == 403


def test_a_key_is_shown_once_and_works_until_revoked(
    marie: FlaskClient, other: FlaskClient
) -> None:
    page = post(marie, "/account/keys", {"name": "<b>n8n</b>", "scope": "models"}).text
    found = re.search(r"atre-[\w-]{43}", page)
    assert found
    assert "<b>n8n</b>" not in page
    headers = {"Authorization": f"Bearer {found[0]}"}
    assert other.get("/v1/models", headers=headers).status_code == 200
    assert other.post("/v1/chat/completions", headers=headers).status_code == 403
    account = get(marie, "/account").text
    assert found[0] not in account
    revoke = re.search(r"/account/keys/\w+/revoke", account)
    assert revoke
    assert post(marie, revoke[0]).status_code == 303
    assert other.get("/v1/models", headers=headers).status_code == 401


def test_a_new_password_ends_the_other_sessions(marie: FlaskClient, other: FlaskClient) -> None:
    post(other, "/login", {"login": "marie", "password": PASSWORD})
    new = "encore quatre mots"
    for current, status in (("wrong", 403), (PASSWORD, 303)):
        answer = post(marie, "/account/password", {"current": current, "password": new})
        assert answer.status_code == status
    assert get(marie, "/account").status_code == 200
    assert get(other, "/account").status_code == 401
    assert post(other, "/login", {"login": "marie", "password": new}).status_code == 303


def test_a_recovery_code_lets_somebody_back_in(marie: FlaskClient, other: FlaskClient) -> None:
    page = post(marie, "/account/recovery", {"current": PASSWORD}).text
    codes = re.findall(r"<code>([\w-]{19})</code>", page)
    form = {"login": "marie", "code": codes[0], "password": "encore quatre mots"}
    assert post(other, "/login/recovery", form | {"code": "0" * 16}).status_code == 401
    assert post(other, "/login/recovery", form).status_code == 303
    assert get(other, "/people").status_code == 200
    assert get(marie, "/people").status_code == 401


def test_two_managers_who_change_the_same_person(
    marie: FlaskClient, other: FlaskClient, config: Config
) -> None:
    post(other, invited(marie), {"name": "Luc", "login": "luc", "password": PASSWORD})
    with closing(connect(config.database)) as connection:
        luc = people.by_login(connection, "luc")
    assert luc
    change = {"role": "guest", "version": "1"}
    kept = post(marie, f"/people/{luc.id}", change)
    assert kept.status_code == 303
    assert "C’est enregistré." in get(marie, kept.headers["Location"]).text
    late = post(marie, f"/people/{luc.id}", change | {"role": "manager"})
    assert late.status_code == 409
    assert "vient de modifier" in late.text
    assert post(marie, f"/people/{luc.id}/delete", {"version": "1"}).status_code == 409
    assert get(marie, f"/people/{luc.id}/delete").status_code == 200
    assert post(marie, f"/people/{luc.id}/delete", {"version": "2"}).status_code == 303
    assert get(other, "/").status_code == 401


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/people/gone", {"role": "member", "version": "1"}),
        ("/people/gone/delete", {}),
        ("/people/gone/reset", {}),
        ("/people/gone/door", {"door": "close", "version": "x"}),
        ("/people/invitations", {}),
        ("/people/invitations/gone/revoke", {}),
        ("/people/groups", {"name": "x" * 1_000_000}),
        ("/people/groups/gone/delete", {}),
        ("/people/groups/gone/rename", {"name": "Caisse"}),
        ("/people/local", {"role": "guest", "version": "1"}),
        ("/account", {"name": "\u202e", "locale": "xx"}),
        ("/account/password", {}),
        ("/account/keys", {"name": "x", "scope": "everything"}),
        ("/account/keys/gone/revoke", {}),
        ("/account/sessions/gone/end", {}),
    ],
)
def test_no_form_of_garbage_is_the_boxs_fault(
    marie: FlaskClient, path: str, form: dict[str, str]
) -> None:
    assert post(marie, path, form).status_code < 500
    assert get(marie, "/people").status_code == 200


def test_a_manager_cannot_lock_the_office_out(marie: FlaskClient, config: Config) -> None:
    with closing(connect(config.database)) as connection:
        me = people.by_login(connection, "marie")
    assert me
    for path, form in (
        ("", {"role": "member", "version": "1"}),
        ("/door", {"door": "close", "version": "1"}),
        ("/delete", {"version": "1"}),
    ):
        answer = post(marie, f"/people/{me.id}{path}", form)
        assert answer.status_code == 400
        assert "Il ne resterait personne" in answer.text
