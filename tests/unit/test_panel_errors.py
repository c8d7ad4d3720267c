# SPDX-License-Identifier: Apache-2.0
"""What a person gets in place of a page, and a program in place of an answer."""

import re
from collections.abc import Iterator

import pytest
from flask import abort
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from atre.config import Config
from atre.errors import StorageError
from atre_web import create_app
from atre_web.accounts import authorisation
from atre_web.accounts.authorisation import Access

BROWSER = "text/html,application/xhtml+xml,*/*;q=0.8"
STORAGE = "The disk <sda> is full. Free some space."


def fail(kind: str) -> str:
    """A route in which the wanted thing goes wrong."""
    if kind == "surprise":
        raise ZeroDivisionError
    if kind == "storage":
        raise StorageError(STORAGE)
    abort(int(kind))


@pytest.fixture
def client(config: Config, key: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    assert key
    app = create_app(config)
    for rule in ("GET /fail/<kind>", "GET /v1/fail/<kind>"):
        monkeypatch.setitem(authorisation.TABLE, rule, Access("member", "admin"))
    app.add_url_rule("/fail/<kind>", view_func=fail)
    app.add_url_rule("/v1/fail/<kind>", endpoint="v1_fail", view_func=fail)
    with app.test_client() as made:
        yield made


def visit(
    client: FlaskClient, key: str, path: str, method: str = "GET", language: str = "fr"
) -> TestResponse:
    headers = {"Authorization": f"Bearer {key}", "Accept": BROWSER, "Accept-Language": language}
    return client.open(path, method=method, headers=headers)


@pytest.mark.parametrize(
    ("path", "method", "status", "french", "english"),
    [
        ("/nowhere", "GET", 404, "Page introuvable", "Page not found"),
        ("/status", "DELETE", 405, "Cela ne s’ouvre pas ainsi", "This cannot be opened like that"),
        ("/fail/413", "GET", 413, "Envoi trop long", "Too much text"),
        ("/fail/400", "GET", 400, "Demande incomprise", "Request not understood"),
        ("/fail/surprise", "GET", 500, "Le boîtier a échoué", "The box has failed"),
        ("/fail/storage", "GET", 500, "Le boîtier a échoué", "The box has failed"),
        ("/fail/503", "GET", 503, "Le boîtier a échoué", "The box has failed"),
    ],
)
def test_a_browser_gets_a_page_in_its_language(
    client: FlaskClient, key: str, path: str, method: str, status: int, french: str, english: str
) -> None:
    for language, said in (("fr-CH", french), ("en-GB", english)):
        answer = visit(client, key, path, method, language)
        assert answer.status_code == status
        assert answer.mimetype == "text/html"
        assert answer.headers["Cache-Control"] == "no-store"
        assert f'<html lang="{language[:2]}"' in answer.text
        assert f"<h1>{said}</h1>" in answer.text
        assert re.search(rf"(Erreur|Error) {status}\b", answer.text)
        assert 'href="/"' in answer.text


def test_the_page_needs_no_other_file_and_is_allowed_its_style(
    client: FlaskClient, key: str
) -> None:
    answer = visit(client, key, "/nowhere")
    nonce = answer.text.partition('<style nonce="')[2].partition('"')[0]
    assert nonce
    assert f"style-src 'nonce-{nonce}'" in answer.headers["Content-Security-Policy"]
    assert "<script" not in answer.text
    assert '<link rel="stylesheet' not in answer.text


def test_what_may_be_asked_instead_is_still_named(client: FlaskClient, key: str) -> None:
    allowed = visit(client, key, "/status", "DELETE").headers["Allow"]
    assert {"GET", "HEAD", "OPTIONS"} == set(allowed.split(", "))


def test_an_error_of_ours_says_what_to_do_and_is_escaped(client: FlaskClient, key: str) -> None:
    text = visit(client, key, "/fail/storage").text
    said = "The disk &lt;sda&gt; is full. Free some space."
    assert f'<p class="problem"><span lang="en">{said}</span></p>' in text


def test_a_strangers_page_that_fails_is_ours_too(client: FlaskClient) -> None:
    answer = client.get("/ca.crt", headers={"Accept": BROWSER})  # this box has made none
    assert answer.status_code == 503
    assert "Le boîtier a échoué" in answer.text


@pytest.mark.parametrize(
    ("path", "method", "accept", "status"),
    [
        ("/v1/nowhere", "GET", BROWSER, 404),
        ("/v1/models", "DELETE", BROWSER, 405),
        ("/v1/fail/surprise", "GET", BROWSER, 500),
        ("/v1/fail/storage", "GET", BROWSER, 500),
        ("/api/nowhere", "GET", BROWSER, 404),
        ("/nowhere", "GET", "*/*", 404),
        ("/fail/storage", "GET", "application/json", 500),
    ],
)
def test_a_program_gets_json(
    client: FlaskClient, key: str, path: str, method: str, accept: str, status: int
) -> None:
    headers = {"Authorization": f"Bearer {key}", "Accept": accept}
    answer = client.open(path, method=method, headers=headers)
    assert answer.status_code == status
    assert answer.json is not None
    assert set(answer.json["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    ("path", "way_out"),
    [("/v1/nowhere", "/openapi.json"), ("/v1/responses", "/v1/chat/completions")],
)
def test_a_route_that_is_not_there_names_the_one_that_is(
    client: FlaskClient, key: str, path: str, way_out: str
) -> None:
    answer = client.post(path, json={}, headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 404
    assert answer.json is not None
    assert path in answer.json["error"]["message"]
    assert way_out in answer.json["error"]["message"]
