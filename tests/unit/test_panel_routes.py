# SPDX-License-Identifier: Apache-2.0
"""The whole application, every route of it, as a stranger and as a browser sees it."""

import re
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from atre.config import Config
from atre_web import create_app
from atre_web.accounts.guard import OPEN_RULES

PANEL_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@pytest.fixture
def client(config: Config, key: str) -> Iterator[FlaskClient]:
    assert key
    with create_app(config).test_client() as made:
        yield made


def requests_of(client: FlaskClient) -> list[tuple[str, str, str]]:
    """Every (rule, path, method) of the application, with a word in place of each variable."""
    return [
        (rule.rule, re.sub(r"<[^>]+>", "anything", rule.rule), method)
        for rule in client.application.url_map.iter_rules()
        for method in sorted(rule.methods or ())
    ]


def test_a_stranger_gets_401_from_every_route_but_the_open_ones(client: FlaskClient) -> None:
    crawled = requests_of(client)
    assert {"/", "/status", "/v1/models", "/v1/chat/completions"} <= {each[0] for each in crawled}
    for rule, path, method in crawled:
        status = client.open(path, method=method).status_code
        if rule not in OPEN_RULES:
            assert status == 401, (method, path)


def test_the_open_routes_are_these_and_no_more(client: FlaskClient) -> None:
    trust = {"/trust", "/ca.crt", "/ca.cer", "/atre.mobileconfig"}
    assert {"/healthz", "/login", "/login/link/<token>"} | trust == OPEN_RULES
    assert {rule for rule, _, _ in requests_of(client)} >= OPEN_RULES
    assert client.get("/healthz").status_code in {200, 503}
    assert client.get("/login/link/anything").status_code == 401
    assert client.post("/login", headers={"Origin": "http://localhost"}).status_code == 401
    assert client.post("/login").status_code == 403


@pytest.mark.parametrize("path", ["/", "/v1/models", "/healthz", "/static/atre.css", "/nowhere"])
@pytest.mark.parametrize("known", [False, True])
def test_every_answer_carries_the_security_headers(
    client: FlaskClient, key: str, path: str, *, known: bool
) -> None:
    headers = {"Authorization": f"Bearer {key}"} if known else {}
    answer = client.get(path, headers=headers, buffered=True)
    for name, value in PANEL_HEADERS.items():
        assert answer.headers[name] == value, name
    policy = answer.headers["Content-Security-Policy"].split("; ")
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "base-uri 'none'" in policy
    assert "form-action 'self'" in policy
    assert "unsafe" not in answer.headers["Content-Security-Policy"]


def test_nothing_but_files_may_be_kept_by_a_browser(client: FlaskClient, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    for path in ("/", "/status", "/api/panel/status.json", "/v1/models"):
        assert client.get(path, headers=headers).headers["Cache-Control"] == "no-store", path
    style = client.get("/static/atre.css", headers=headers, buffered=True)
    assert style.headers["Cache-Control"] == "no-cache"


def test_the_panel_stays_up_without_an_engine(client: FlaskClient, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}", "Accept": "text/html"}
    for path in ("/", "/status"):
        assert client.get(path, headers=headers).status_code == 200
    live = client.get("/api/panel/status.json", headers=headers).json
    assert live is not None
    assert live["ready"] is False
    assert live["fields"]["decode"] == "—"
