# SPDX-License-Identifier: Apache-2.0
"""Chromium that trusts the box's authority: no warning on the box, none of its word elsewhere."""

import datetime as dt
import logging
import os
import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from tests.browser.pictures import picture
from werkzeug.serving import make_server

from atre.certificate import served
from atre.certificate.files import served_file
from atre.certificate.names import BoxNames
from atre.certificate.own import _sign_leaf
from atre.certificate.pieces import ensure_key, read_certificate
from atre.config import Config
from atre_web import create_app
from atre_web.accounts.door import open_door

if TYPE_CHECKING:
    from playwright import sync_api

pytestmark = pytest.mark.browser

CHROMIUM = Path("/usr/bin/chromium")
HOST = "atre-7f3a.local"
RENAMED, BANK, PRINTER = "atre-7f3a-2.local", "bank.example", "printer.local"
TIMEOUT_S = 30
NOW = dt.datetime.now(dt.UTC)
PHONE = {"viewport": {"width": 320, "height": 640}, "device_scale_factor": 2, "is_mobile": True}

Open = Callable[..., "sync_api.Page"]


@contextmanager
def https(app: Any, certificate: Path, key: Path) -> Iterator[int]:
    """Serve ``app`` on loopback in TLS 1.3; the port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(certificate, key)
    server = make_server("127.0.0.1", 0, app, threaded=True, ssl_context=context)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def tls_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("box") / "tls"
    served.refresh(directory, BoxNames(host_name=HOST, addresses=("10.1.2.3",)), NOW)
    return directory


@pytest.fixture(scope="module")
def ports(tls_dir: Path) -> Iterator[dict[str, int]]:
    """Where each name is served: the box's own by the box, the others by who stole its CA key."""
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    config = Config(data_dir=tls_dir.parent, runtime_dir=tls_dir.parent, profiles_dir=tls_dir)
    open_door(config, run_key=False)
    app = create_app(config)
    mine = served_file(tls_dir)
    with ExitStack() as stack:
        found = {HOST: stack.enter_context(https(app, mine, mine))}
        for name in (RENAMED, BANK, PRINTER):
            found[name] = stack.enter_context(https(app, *forged(tls_dir, name)))
        yield found


def forged(tls_dir: Path, name: str) -> tuple[Path, Path]:
    ca = read_certificate(tls_dir / "ca.crt")
    assert ca
    key = ensure_key(tls_dir / "forged.key")
    names = x509.SubjectAlternativeName([x509.DNSName(name)])
    leaf = _sign_leaf(key, ca, ensure_key(tls_dir / "ca.key"), names, NOW)
    path = tls_dir / f"{name}.crt"
    path.write_bytes(leaf.public_bytes(Encoding.PEM) + ca.public_bytes(Encoding.PEM))
    return path, tls_dir / "forged.key"


@pytest.fixture
def open_page(
    chromium: "sync_api.Browser", tls_dir: Path, ports: dict[str, int], tmp_path: Path
) -> Iterator[Open]:
    """A page of a fresh Chromium whose user trusts the box's authority, or not."""
    if shutil.which("certutil") is None:
        pytest.skip("not installed: certutil (Debian package libnss3-tools)")
    rules = ", ".join(f"MAP {name} 127.0.0.1:{port}" for name, port in ports.items())
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with ExitStack() as stack:

        def start(*, trusts: bool, **options: Any) -> "sync_api.Page":
            if trusts:
                trust(tmp_path, tls_dir / "ca.crt")
            browser = chromium.browser_type.launch(
                executable_path=str(CHROMIUM),
                args=["--disable-gpu", f"--host-resolver-rules={rules}", *sandbox],
                env={**os.environ, "HOME": str(tmp_path)},
            )
            stack.callback(browser.close)
            page: sync_api.Page = browser.new_context(locale="fr-FR", **options).new_page()
            return page

        yield start


def trust(home: Path, ca: Path) -> None:
    """Do what our guide says for Linux, where Chromium keeps what a user trusts."""
    database = home / ".pki" / "nssdb"
    database.mkdir(parents=True)
    for arguments in (
        ["-N", "--empty-password"],
        ["-A", "-t", "C,,", "-n", "atre", "-i", str(ca)],
    ):
        subprocess.run(
            ["certutil", "-d", f"sql:{database}", *arguments],
            check=True, capture_output=True, timeout=TIMEOUT_S,
        )  # fmt: skip


def test_a_browser_that_trusts_the_authority_opens_the_box_without_a_warning(
    open_page: Open,
) -> None:
    page = open_page(trusts=True)
    answer = page.goto(f"https://{HOST}/trust")
    assert answer
    assert answer.status == 200
    details = answer.security_details()
    assert details
    assert details["protocol"] == "TLS 1.3"
    assert page.evaluate("isSecureContext")


def test_the_authority_counts_for_the_box_alone(open_page: Open) -> None:
    page = open_page(trusts=True)
    renamed = page.goto(f"https://{RENAMED}/trust")
    assert renamed  # the same thief's key: what follows fails for the name alone
    for name in (BANK, PRINTER):
        with pytest.raises(Exception, match="ERR_CERT_"):
            page.goto(f"https://{name}/trust")


def test_a_browser_that_does_not_trust_it_warns(open_page: Open) -> None:
    page = open_page(trusts=False)
    with pytest.raises(Exception, match="ERR_CERT_AUTHORITY_INVALID"):
        page.goto(f"https://{HOST}/trust")


def test_the_guide_fits_a_phone_in_both_languages(open_page: Open) -> None:
    page = open_page(trusts=True, **PHONE)
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    for language in ("fr", "en"):
        page.goto(f"https://{HOST}/trust?lang={language}")
        for summary in page.locator("summary").all():
            summary.click()
            root = "document.documentElement"
            assert page.evaluate(f"{root}.scrollWidth - {root}.clientWidth") == 0
        picture(page, f"trust-phone-{language}")
    assert problems == []
    page.emulate_media(color_scheme="dark")
    picture(page, "trust-phone-dark")
    page.set_viewport_size({"width": 1200, "height": 800})
    for language in ("fr", "en"):
        page.goto(f"https://{HOST}/trust?lang={language}")
        picture(page, f"trust-dark-{language}")
