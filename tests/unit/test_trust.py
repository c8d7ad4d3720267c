# SPDX-License-Identifier: Apache-2.0
"""What the LAN gets in clear: the box's authority, how to install it, and nothing of the panel."""

import datetime as dt
import hashlib
import plistlib
import re
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from werkzeug.test import Client, TestResponse

from atre.certificate import served
from atre.certificate.names import BoxNames
from atre.config import Config
from atre.errors import EngineUnavailableError
from atre.ipc.messages import (
    BoxDescription,
    CertificateSource,
    DiscoveryState,
    EngineDescription,
)
from atre_web import create_app
from atre_web.accounts import people, sessions
from atre_web.accounts.database import connect
from atre_web.panel.snapshot import Sources
from atre_web.trust import http_app
from atre_web.trust.page import system_of

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

HOST = "http://atre-7f3a.local:8080"
BOX = BoxDescription(
    version="0.1.0", mdns_name="atre-7f3a.local", addresses=["192.168.1.20"], lan_port=8443,
    discovery=DiscoveryState.ANNOUNCED, detail="", responder="", certificate_sha256="ab" * 32,
    profile="", profile_fr="", profile_reason="", profile_reason_fr="", issues=[],
)  # fmt: skip


class Engine:
    def describe(self) -> EngineDescription:
        raise EngineUnavailableError("none")


class Box:
    def __init__(self, described: BoxDescription = BOX) -> None:
        self._described = described

    def describe(self) -> BoxDescription:
        return self._described


def make_client(config: Config, *, api: bool) -> Client:
    names = BoxNames(host_name="atre-7f3a.local", addresses=("192.168.1.20",))
    served.refresh(config.tls_dir, names, dt.datetime.now(dt.UTC))
    app: WSGIApplication | None = create_app(config).wsgi_app if api else None
    return Client(http_app.make(config, Sources(Engine(), Box(), None), app))


@pytest.fixture
def client(config: Config, key: str) -> Client:
    assert key
    return make_client(config, api=False)


@pytest.fixture
def api_client(config: Config, key: str) -> Client:
    assert key
    return make_client(config, api=True)


def der(config: Config) -> bytes:
    return ssl.PEM_cert_to_DER_cert((config.tls_dir / "ca.crt").read_text())


def get(client: Client, path: str, **options: Any) -> TestResponse:
    return client.get(path, base_url=HOST, **options)


def test_the_page_shows_the_fingerprint_and_the_way_to_the_box(
    client: Client, config: Config
) -> None:
    page = get(client, "/").text
    digest = hashlib.sha256(der(config)).hexdigest().upper()
    assert " ".join(re.findall("....", digest)) in page
    assert "https://atre-7f3a.local:8443/" in page
    assert "https://192.168.1.20:8443/" in page


def test_the_page_asks_for_nothing(client: Client) -> None:
    for language in ("fr", "en"):
        page = get(client, f"/?lang={language}").text
        assert page.count("<details") == 5
        assert not re.search("<(form|input|script|img|button)", page)
        files = set(re.findall(r'href="(/[^"]*)"', page))
        assert files == {"/ca.crt", "/ca.cer", "/atre.mobileconfig"}
        for path in files:
            assert get(client, path).status_code == 200


@pytest.mark.parametrize(
    "path", ["/login", "/status", "/v1/models", "/healthz", "/static/atre.css", "/y//x", "/trust"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_everything_else_leads_to_the_page(
    client: Client, key: str, path: str, method: str
) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    answer = client.open(path, method=method, base_url=HOST, headers=headers, data={"key": key})
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/"


def test_no_cookie_goes_either_way(client: Client, api_client: Client, config: Config) -> None:
    with connect(config.database) as connection:
        luc = people.create(connection, "Luc", "luc", "member", password=None, now=2e9)
        token = sessions.create(connection, luc.id, device="", now=2e9)
    for each in (client, api_client):
        for path in ("/", "/?lang=en", "/v1/models?lang=en", "/login"):
            assert "Set-Cookie" not in get(each, path).headers
        each.set_cookie("atre", token, domain="atre-7f3a.local")
        assert get(each, "/v1/models").status_code in {303, 401}
    # The same cookie does open the door on loopback.
    app = create_app(config).test_client()
    app.set_cookie("atre", token)
    assert app.get("/v1/models").status_code != 401


def test_the_api_is_there_only_by_choice_and_with_a_key(
    client: Client, api_client: Client, key: str
) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    assert get(client, "/v1/models", headers=headers).status_code == 303
    assert get(api_client, "/v1/models").status_code == 401
    assert get(api_client, "/v1/models", headers=headers).status_code == 200
    for path in ("/status", "/login", "/openapi.json", "/v1", "/v1/../status", "/"):
        answer = get(api_client, path, headers=headers)
        assert "Faire confiance" in answer.text if path == "/" else answer.status_code != 200, path


def test_the_api_in_clear_answers_only_to_the_boxs_names(api_client: Client, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    answer = api_client.get("/v1/models", base_url="http://evil.example", headers=headers)
    assert answer.status_code == 421


@pytest.mark.parametrize("path", ["/", "/ca.crt", "/ca.cer", "/atre.mobileconfig", "/nowhere"])
def test_answers_in_clear_carry_the_security_headers(client: Client, path: str) -> None:
    headers = get(client, path).headers
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    # With it a device that does not trust the box any more could not come back here for help.
    assert "Strict-Transport-Security" not in headers


def test_each_system_gets_its_format(client: Client, config: Config) -> None:
    pem, windows = get(client, "/ca.crt"), get(client, "/ca.cer")
    assert pem.data == (config.tls_dir / "ca.crt").read_bytes()
    assert windows.data == der(config)
    for answer, name in ((pem, "atre-ca.crt"), (windows, "atre-ca.cer")):
        assert answer.headers["Content-Type"] == "application/x-x509-ca-cert"
        assert answer.headers["Content-Disposition"] == f"attachment; filename={name}"


def test_the_profile_installs_one_root_and_replaces_itself(client: Client, config: Config) -> None:
    answer = get(client, "/atre.mobileconfig")
    assert answer.headers["Content-Type"] == "application/x-apple-aspen-config"
    profile = plistlib.loads(answer.data)
    assert profile["PayloadType"] == "Configuration"
    (root,) = profile["PayloadContent"]
    assert root["PayloadType"] == "com.apple.security.root"
    assert root["PayloadContent"] == der(config)
    for each in (profile, root):
        assert re.fullmatch(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}", each["PayloadUUID"])
        assert each["PayloadVersion"] == 1
        assert each["PayloadIdentifier"]
    assert get(client, "/atre.mobileconfig").data == answer.data


def test_the_same_page_is_open_to_strangers_over_tls(config: Config, key: str) -> None:
    assert key
    make_client(config, api=False)
    app = create_app(config).test_client()
    answer = app.get("/trust", base_url="https://localhost:8443")
    assert answer.status_code == 200
    assert "Faire confiance" in answer.text
    assert "Strict-Transport-Security" not in answer.headers


def test_with_the_owners_certificate_nothing_may_be_needed(config: Config, key: str) -> None:
    assert key
    make_client(config, api=False)
    box = Box(msgspec.structs.replace(BOX, certificate_source=CertificateSource.IMPORTED))
    client = Client(http_app.make(config, Sources(Engine(), box, None), None))
    assert "rien à installer" in get(client, "/").text


def test_a_box_without_a_certificate_says_so(config: Config, tmp_path: Path) -> None:
    assert config.data_dir == tmp_path
    client = Client(http_app.make(config, Sources(Engine(), Box(), None), None))
    assert get(client, "/").status_code == 503
    assert get(client, "/ca.crt").status_code == 503


@pytest.mark.parametrize(
    ("agent", "system"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140", "windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) Safari", "ios"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Safari", "macos"),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/140", "android"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140) Firefox", "linux"),
        ("curl/8", ""),
    ],
)
def test_the_guide_opens_at_the_readers_system(agent: str, system: str) -> None:
    assert system_of(agent) == system
