# SPDX-License-Identifier: Apache-2.0
"""The box answers only to its own names, so that no other site can be of one origin with it."""

import json
import os
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from atre.certificate.files import names_file
from atre.config import Config
from atre_web import create_app
from atre_web.host_check import OwnNames, host_of

NAMES = ["atre-7f3a.local", "ia.bureau.example", "192.168.1.20", "fd00::1"]


@pytest.fixture
def client(config: Config, key: str) -> FlaskClient:
    assert key  # the database is there
    config.tls_dir.mkdir()
    names_file(config.tls_dir).write_text(json.dumps(NAMES))
    return create_app(config).test_client()


def get(client: FlaskClient, host: str, **headers: str) -> int:
    return client.get("/healthz", headers={"Host": host} | headers).status_code


@pytest.mark.parametrize(
    "host",
    [
        "atre-7f3a.local",
        "ATRE-7f3a.local.:8443",
        "ia.bureau.example:443",
        "192.168.1.20",
        "192.168.1.20:8443",
        "[fd00::1]:8443",
        "[fd00:0:0::1]",
        "localhost:8765",
        "127.0.0.1:8765",
        "127.8.8.8",
        "[::1]:8765",
    ],
)
def test_the_boxs_own_names_are_answered(client: FlaskClient, host: str) -> None:
    assert get(client, host) in {200, 503}


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "atre-7f3a.local.evil.example",
        "evil.example:8443",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "192.168.1.21",
        "2130706433",
        "[fd00::2]",
        "atre-7f3a.local, evil.example",
        "atre-7f3a.local:443:443",
        "user@atre-7f3a.local",
        "[::1",
        "",
        "x" * 5000,
    ],
)
@pytest.mark.parametrize("forwarded", [False, True])
def test_any_other_name_is_refused(client: FlaskClient, host: str, *, forwarded: bool) -> None:
    headers = {"X-Forwarded-Host": "localhost", "Forwarded": "host=localhost"} if forwarded else {}
    assert get(client, host, **headers) == 421


def test_the_refusal_says_what_to_do(client: FlaskClient, key: str) -> None:
    headers = {"Host": "evil.example", "Authorization": f"Bearer {key}"}
    program = client.get("/v1/models", headers=headers)
    assert program.status_code == 421
    assert program.json
    assert program.json["error"]["code"] == "wrong_host"
    assert "--alias" in program.json["error"]["message"]
    page = client.get("/", headers=headers | {"Accept": "text/html", "Accept-Language": "fr"})
    assert page.status_code == 421
    assert "ne s’appelle pas ainsi" in page.text
    assert page.headers["Content-Security-Policy"]
    assert 'href="/"' not in page.text  # it would lead to the same wrong name


def test_names_follow_their_file(tmp_path: Path) -> None:
    names = OwnNames(tmp_path / "names.json")
    assert not names.include("a.local", None)
    for number, name in enumerate(("a.local", "b.local")):
        (tmp_path / "names.json").write_text(json.dumps([name]))
        os.utime(tmp_path / "names.json", ns=(number, number))
        assert names.include(name, None)
    assert not names.include("a.local", None)
    (tmp_path / "names.json").write_bytes(b"\0")
    assert not names.include("b.local", None)
    assert names.include("localhost", None)


def test_the_address_that_was_connected_to_is_the_boxs(tmp_path: Path) -> None:
    names = OwnNames(tmp_path / "names.json")
    assert names.include("203.0.113.7:8443", "::ffff:203.0.113.7")
    assert names.include("[fe80::1]", "fe80::1%eth0")
    assert not names.include("203.0.113.8", "203.0.113.7")


@pytest.mark.parametrize(("header", "name"), [("A:1", "a"), ("[::1]:1", "::1"), ("a b", None)])
def test_what_a_host_header_names(header: str, name: str | None) -> None:
    assert host_of(header) == name
