# SPDX-License-Identifier: Apache-2.0
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask, Response
from flask.testing import FlaskClient

from atre_web.accounts import current, guard, keys, people, sessions
from atre_web.accounts.authorisation import Access
from atre_web.accounts.current import Accounts
from atre_web.accounts.database import connect
from atre_web.accounts.guard import Pages
from atre_web.accounts.migrations import migrate
from atre_web.accounts.running import Running

NOW = 1_800_000_000.0
WHO = Access("guest", "chat")
TABLE = {
    "GET /healthz": Access("anybody", None),
    **{f"{method} {rule}": WHO for method in ("GET", "POST") for rule in ("/who", "/v1/who")},
    "GET /manage": Access("manager", "admin"),
    "GET /v1/manage": Access("manager", "admin"),
}
LOOPBACK = "http://127.0.0.1:8765"
TLS = "https://atre-7f3a.local:8443"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "atre.db"
    with closing(connect(path)) as connection:
        migrate(connection)
    return path


@pytest.fixture
def secret(database: Path) -> str:
    with closing(connect(database)) as connection:
        return keys.create(connection, "Word", now=NOW)[1]


@pytest.fixture
def session(database: Path) -> str:
    with closing(connect(database)) as connection:
        marie = people.create(connection, "Marie", "marie", "member", password=None, now=NOW)
        return sessions.create(connection, marie.id, device="", now=NOW)


@pytest.fixture
def client(database: Path) -> Iterator[FlaskClient]:
    app = Flask(__name__, static_folder=None)
    pages = Pages(
        sign_in=lambda: Response("login page", 401), forbidden=lambda: Response("not you", 403)
    )
    guard.install(
        app, Accounts(database, lambda: NOW + 1, Running(database.parent)), pages=pages, table=TABLE
    )

    @app.route("/healthz")
    def healthz() -> str:
        return "ok"

    @app.route("/v1/who", methods=["GET", "POST"])
    @app.route("/who", methods=["GET", "POST"])
    def who() -> dict[str, str]:
        principal = current.principal()
        return {"kind": principal.kind, "name": principal.name}

    @app.route("/v1/manage")
    @app.route("/manage")
    @app.route("/forgotten")
    def manage() -> str:
        return "managed"

    with app.test_client() as made:
        yield made


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def set_session(client: FlaskClient, session: str) -> None:
    client.set_cookie("atre", session, domain="127.0.0.1")


def test_a_stranger_gets_only_the_open_routes(client: FlaskClient) -> None:
    assert client.get("/healthz").status_code == 200
    for path in ("/who", "/v1/who", "/nowhere", "/healthz/", "/healthz/../who", "//healthz"):
        assert client.get(path).status_code == 401, path
    assert client.delete("/healthz").status_code == 401


def test_an_api_caller_gets_the_openai_error(client: FlaskClient) -> None:
    answer = client.get("/v1/who", headers={"Accept": "text/html"})
    assert answer.json is not None
    assert answer.json["error"]["code"] == "invalid_api_key"
    assert answer.json["error"]["type"] == "invalid_request_error"
    assert answer.json["error"]["param"] is None
    assert "atre key create" in answer.json["error"]["message"]
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="atre"'


def test_a_browser_gets_the_login_page_with_401(client: FlaskClient) -> None:
    accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    answer = client.get("/who", headers={"Accept": accept})
    assert answer.status_code == 401
    assert answer.text == "login page"
    assert client.get("/who", headers={"Accept": "*/*"}).is_json


def test_a_key_opens(client: FlaskClient, secret: str) -> None:
    answer = client.post("/v1/who", headers=bearer(secret))
    assert answer.json == {"kind": "key", "name": "Word"}
    assert client.get("/who", headers={"Authorization": f"bearer  {secret}"}).status_code == 200


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic Og==",
        "Bearer wrong",
        "Bearer caf\u00e9",
        "{secret}",
        "Basic {secret}",
    ],
)
def test_a_bad_authorization_header_is_401(
    client: FlaskClient, session: str, secret: str, authorization: str
) -> None:
    # Even beside a good cookie: a program that sends a wrong key must hear about it.
    set_session(client, session)
    header = authorization.replace("{secret}", secret)
    answer = client.get("/v1/who", base_url=LOOPBACK, headers={"Authorization": header})
    assert answer.status_code == 401


def test_a_revoked_key_closes_at_once(client: FlaskClient, secret: str, database: Path) -> None:
    assert client.get("/v1/who", headers=bearer(secret)).status_code == 200
    with closing(connect(database)) as connection:
        keys.revoke(connection, "Word", now=NOW)
    assert client.get("/v1/who", headers=bearer(secret)).status_code == 401


def test_a_session_opens(client: FlaskClient, session: str) -> None:
    set_session(client, session)
    assert client.get("/who", base_url=LOOPBACK).json == {"kind": "session", "name": "Marie"}


def test_the_loopback_cookie_does_not_open_over_tls(client: FlaskClient, session: str) -> None:
    client.set_cookie("atre", session, domain="atre-7f3a.local")
    assert client.get("/who", base_url=TLS).status_code == 401
    client.set_cookie("__Host-atre", session, domain="atre-7f3a.local", secure=True)
    assert client.get("/who", base_url=TLS).status_code == 200


SAME_ORIGIN = [
    {"Sec-Fetch-Site": "same-origin"},
    {"Origin": LOOPBACK},
    {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
]
CROSS_ORIGIN = [
    {},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "cross-site", "Origin": LOOPBACK},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:8766"},
    {"Origin": "https://127.0.0.1:8765"},
    {"Origin": LOOPBACK + ".example"},
]


@pytest.mark.parametrize("headers", SAME_ORIGIN)
def test_the_boxs_own_pages_may_change_things(
    client: FlaskClient, session: str, headers: dict[str, str]
) -> None:
    set_session(client, session)
    assert client.post("/v1/who", base_url=LOOPBACK, headers=headers).status_code == 200


@pytest.mark.parametrize("headers", CROSS_ORIGIN)
def test_another_sites_page_cannot_ride_the_cookie(
    client: FlaskClient, session: str, headers: dict[str, str]
) -> None:
    set_session(client, session)
    answer = client.post("/v1/who", base_url=LOOPBACK, headers=headers)
    assert answer.status_code == 403
    assert answer.json is not None
    assert answer.json["error"]["code"] == "cross_origin"
    assert client.get("/v1/who", base_url=LOOPBACK, headers=headers).status_code == 200


def test_a_role_or_a_key_that_is_too_little_is_403(
    client: FlaskClient, session: str, secret: str
) -> None:
    set_session(client, session)
    browser = {"Accept": "text/html"}
    assert client.get("/manage", base_url=LOOPBACK, headers=browser).text == "not you"
    for path, headers in (("/v1/manage", {}), ("/v1/manage", bearer(secret))):
        answer = client.get(path, base_url=LOOPBACK, headers=headers)
        assert answer.status_code == 403
        assert answer.json is not None
        assert answer.json["error"]["code"] == "permission_denied"


def test_a_route_that_is_in_no_table_is_nobodys(
    client: FlaskClient, session: str, secret: str
) -> None:
    assert client.get("/forgotten").status_code == 401
    assert client.get("/forgotten", headers=bearer(secret)).status_code == 403
    set_session(client, session)
    assert client.get("/forgotten", base_url=LOOPBACK).status_code == 403
    assert client.get("/nowhere", base_url=LOOPBACK).status_code == 404


def test_a_key_needs_no_origin(client: FlaskClient, secret: str) -> None:
    headers = bearer(secret) | {"Origin": "http://elsewhere.example"}
    assert client.post("/v1/who", headers=headers).status_code == 200


def test_each_request_closes_its_connection(client: FlaskClient, secret: str) -> None:
    opened = []
    client.application.before_request(lambda: opened.append(current.connection()))
    client.get("/v1/who", headers=bearer(secret))
    with pytest.raises(Exception, match="closed"):
        opened[0].execute("SELECT 1")
