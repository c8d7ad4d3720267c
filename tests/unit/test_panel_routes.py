# SPDX-License-Identifier: Apache-2.0
"""The whole application as a browser sees it; who may what is in test_authorisation."""

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from atre.config import Config
from atre_web import create_app
from atre_web.accounts import authorisation
from atre_web.accounts.authorisation import Access

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


def test_a_route_that_is_in_no_table_stops_the_start(client: FlaskClient) -> None:
    app = Flask("atre_web")
    app.add_url_rule("/new", view_func=lambda: "")
    with pytest.raises(RuntimeError, match="GET /new"):
        authorisation.check(app, authorisation.TABLE)
    left_over = authorisation.TABLE | {"GET /gone": Access("manager", None)}
    with pytest.raises(RuntimeError, match=r"no longer served: .'GET /gone'.\."):
        authorisation.check(client.application, left_over)


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
