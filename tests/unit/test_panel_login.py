# SPDX-License-Identifier: Apache-2.0
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from atre.config import Config
from atre.errors import EngineUnavailableError
from atre.ipc.messages import BoxDescription, EngineDescription
from atre_web.accounts import keys, login_links
from atre_web.accounts.database import connect
from atre_web.accounts.door import Door, open_door
from atre_web.panel import install as panel

NOW = 1_800_000_000.0
LOOPBACK = "http://127.0.0.1:8765"
TLS = "https://atre-7f3a.local:8443"
BROWSER = {"Accept": "text/html,*/*;q=0.8"}


class AbsentEngine:
    def describe(self) -> EngineDescription:
        raise EngineUnavailableError("The engine is not running. Wait a moment.")


class AbsentBox:
    def describe(self) -> BoxDescription:
        raise EngineUnavailableError("The management daemon is not running.")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(data_dir=tmp_path, runtime_dir=tmp_path, profiles_dir=tmp_path)


@pytest.fixture
def door(config: Config) -> Door:
    return open_door(config, run_key=True, clock=lambda: NOW)


@pytest.fixture
def client(config: Config, door: Door) -> Iterator[FlaskClient]:
    assert door.run_key
    app = Flask("atre_web")
    panel.install(
        app,
        database=config.database,
        engine=AbsentEngine(),
        box=AbsentBox(),
        clock=lambda: NOW + 1,
    )
    with app.test_client() as made:
        yield made


def post(
    client: FlaskClient, path: str, form: dict[str, str] | None = None, *, base: str = LOOPBACK
) -> TestResponse:
    headers = BROWSER | {"Origin": base}
    return client.post(path, data=form, base_url=base, headers=headers)


def get(client: FlaskClient, path: str, *, base: str = LOOPBACK) -> TestResponse:
    return client.get(path, base_url=base, headers=BROWSER)


def test_every_page_is_the_login_page_to_a_stranger(client: FlaskClient) -> None:
    for path in ("/", "/status", "/login", "/static/atre.css", "/no/such/page"):
        answer = get(client, path)
        assert answer.status_code == 401
        assert 'action="/login"' in answer.text


def test_the_login_page_needs_no_other_file(client: FlaskClient) -> None:
    page = get(client, "/").text
    assert "<script" not in page
    assert "<img" not in page
    assert re.findall(r'(?:src|href)="([^"?#]+)', page) == ["data:,"]


def test_the_login_pages_style_carries_this_answers_nonce(client: FlaskClient) -> None:
    first, second = get(client, "/"), get(client, "/")
    nonces = [re.search(r'<style nonce="([^"]+)"', answer.text) for answer in (first, second)]
    assert nonces[0]
    assert nonces[1]
    assert nonces[0][1] != nonces[1][1]
    assert f"style-src 'nonce-{nonces[0][1]}'" in first.headers["Content-Security-Policy"]


def test_a_key_logs_in(client: FlaskClient, door: Door) -> None:
    answer = post(client, "/login", {"key": f" {door.first_key} "})
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/"
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("atre=")
    for attribute in ("HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=2592000"):
        assert attribute in cookie
    assert "Secure" not in cookie
    assert get(client, "/").status_code == 200
    assert get(client, "/login").status_code == 303


def test_over_tls_the_cookie_is_bound_to_the_host(client: FlaskClient, door: Door) -> None:
    cookie = post(client, "/login", {"key": str(door.first_key)}, base=TLS).headers["Set-Cookie"]
    assert cookie.startswith("__Host-atre=")
    for attribute in ("Secure", "HttpOnly", "SameSite=Strict", "Path=/"):
        assert attribute in cookie
    assert "Domain" not in cookie
    assert get(client, "/", base=TLS).status_code == 200


@pytest.mark.parametrize("key", ["", "wrong", "atre-" + "x" * 100_000, "\x00", "caf\u00e9"])
def test_a_wrong_key_is_told(client: FlaskClient, key: str) -> None:
    answer = post(client, "/login", {"key": key})
    assert answer.status_code == 401
    assert "révoquée" in answer.text
    assert "Set-Cookie" not in answer.headers


def test_a_form_without_the_field_is_a_wrong_key(client: FlaskClient) -> None:
    assert post(client, "/login").status_code == 401


def test_guessing_is_slowed_down(client: FlaskClient, door: Door) -> None:
    answers = [post(client, "/login", {"key": "guess"}) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [401] * 4 + [429]
    assert answers[-1].headers["Retry-After"] == "10"
    assert "10 secondes" in answers[-1].text
    assert post(client, "/login", {"key": str(door.first_key)}).status_code == 429


@pytest.mark.parametrize("path", ["/login", "link"])
@pytest.mark.parametrize(
    "headers",
    [{}, {"Origin": "https://elsewhere.example"}, {"Sec-Fetch-Site": "cross-site"}],
)
def test_another_site_cannot_log_a_browser_in(
    client: FlaskClient, door: Door, path: str, headers: dict[str, str]
) -> None:
    target = door.login_path if path == "link" else path
    answer = client.post(target, data={"key": door.first_key}, base_url=LOOPBACK, headers=headers)
    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers


def test_opening_a_link_shows_a_button_and_uses_nothing_up(client: FlaskClient, door: Door) -> None:
    for _ in range(3):
        answer = get(client, door.login_path)
        assert answer.status_code == 200
        assert '<form method="post">' in answer.text
        assert "Set-Cookie" not in answer.headers
    assert client.head(door.login_path, base_url=LOOPBACK).status_code == 200
    assert post(client, door.login_path).status_code == 303
    assert get(client, "/").status_code == 200


def test_a_used_link_shows_the_login_page(client: FlaskClient, door: Door) -> None:
    post(client, door.login_path)
    for answer in (get(client, door.login_path), post(client, door.login_path)):
        assert answer.status_code == 401
        assert "déjà servi" in answer.text


def test_logging_out_closes_the_session_itself(client: FlaskClient, door: Door) -> None:
    post(client, "/login", {"key": str(door.first_key)})
    kept = client.get_cookie("atre", domain="127.0.0.1")
    assert kept
    answer = post(client, "/logout")
    assert answer.status_code == 303
    assert client.get_cookie("atre", domain="127.0.0.1") is None
    client.set_cookie("atre", kept.value, domain="127.0.0.1")
    assert get(client, "/").status_code == 401


def test_logging_in_again_closes_the_earlier_session(client: FlaskClient, door: Door) -> None:
    post(client, "/login", {"key": str(door.first_key)})
    kept = client.get_cookie("atre", domain="127.0.0.1")
    assert kept
    post(client, "/login", {"key": str(door.first_key)})
    client.set_cookie("atre", kept.value, domain="127.0.0.1")
    assert get(client, "/").status_code == 401


def test_a_session_planted_before_login_is_not_kept(client: FlaskClient, door: Door) -> None:
    client.set_cookie("atre", "planted", domain="127.0.0.1")
    post(client, "/login", {"key": str(door.first_key)})
    kept = client.get_cookie("atre", domain="127.0.0.1")
    assert kept
    assert kept.value != "planted"


def test_revoking_the_key_logs_its_browsers_out(
    client: FlaskClient, door: Door, config: Config
) -> None:
    post(client, "/login", {"key": str(door.first_key)})
    with closing(connect(config.database)) as connection:
        keys.revoke(connection, "first", now=NOW)
    assert get(client, "/").status_code == 401


def test_a_link_that_expired(client: FlaskClient, config: Config) -> None:
    with closing(connect(config.database)) as connection:
        token = login_links.create(connection, now=NOW - 3600)
    assert get(client, f"/login/link/{token}").status_code == 401
    assert post(client, f"/login/link/{token}").status_code == 401
