# SPDX-License-Identifier: Apache-2.0
"""The certificate changes under a stream, and the port in clear, as another machine sees them."""

import datetime as dt
import hashlib
import json
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from tests.integration.caller import Caller
    from tests.integration.namespaces import Cable
    from tests.integration.running_box import RunningBox

pytestmark = pytest.mark.namespaces

LAN_PORT, HTTP_PORT = 8443, 8080
TIMEOUT_S = 30


def test_a_new_certificate_counts_at_once_and_breaks_no_stream(
    lan_box: "RunningBox",
    lan_client: "Caller",
    cable: "Cable",
    tmp_path: Path,
    no_end: dict[str, int],
) -> None:
    given = self_signed(tmp_path, lan_box.ready["mdns_name"])
    own = served_now(cable)
    with lan_client.chat(max_tokens=40, stream=True, logit_bias=no_end) as streamed:
        events = streamed.events()
        assert next(events)
        shown = certificate(lan_box, "import", str(tmp_path / "crt.pem"), str(tmp_path / "key.pem"))
        try:
            assert "Imported" in shown
            assert served_now(cable) == given
            told = json.loads(certificate(lan_box, "show", "--json"))
            assert (told["sha256"], told["source"]) == (given, "imported")
        finally:
            certificate(lan_box, "reset")
        assert served_now(cable) == own
        assert list(events)[-1] == "[DONE]"


def test_what_cannot_be_served_is_refused_and_changes_nothing(
    lan_box: "RunningBox", cable: "Cable", tmp_path: Path
) -> None:
    self_signed(tmp_path, "www.bank.example")
    own = served_now(cable)
    done = run(lan_box, "import", str(tmp_path / "crt.pem"), str(tmp_path / "key.pem"))
    assert done.returncode == 1
    assert "but the box is called" in done.stderr
    assert served_now(cable) == own


def test_the_port_in_clear_explains_and_answers_programs_by_choice(
    start_lan_box: Callable[..., tuple["RunningBox", "Caller"]],
    make_caller_in: Callable[..., "Caller"],
    namespaces: ModuleType,
) -> None:
    with namespaces.Cable("clear") as cable:
        options = ["--http-port", str(HTTP_PORT), "--plain-http-api"]
        box, client = start_lan_box(cable, *options)
        for address in ("10.78.0.2", "fd78::2"):
            caller = make_caller_in(cable, address, HTTP_PORT, box.key)
            with caller.get("/status") as answered:
                assert answered.status == 303
            with caller.chat(max_tokens=2) as answered:
                assert answered.status == 200
            stranger = make_caller_in(cable, address, HTTP_PORT, None)
            with stranger.chat(max_tokens=2) as refused:
                assert refused.status == 401
            with stranger.get("/ca.crt") as answered:
                assert answered.body() == (box.data_dir / "tls" / "ca.crt").read_bytes()
        with client.get("/api/panel/status.json") as answered:
            assert [f"port {HTTP_PORT}" in issue for issue in answered.json()["issues"]].count(True)


def served_now(cable: "Cable") -> str:
    """The SHA-256 of the certificate that a new connection gets."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        cable.connect(cable.peer, "10.78.0.2", LAN_PORT) as plain,
        context.wrap_socket(plain) as connection,
    ):
        der = connection.getpeercert(binary_form=True)
    assert der
    return hashlib.sha256(der).hexdigest()


def certificate(box: "RunningBox", *arguments: str) -> str:
    done = run(box, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def run(box: "RunningBox", *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [box.command, "certificate", *arguments, "--data-dir", str(box.data_dir)],
        check=False, capture_output=True, text=True, timeout=TIMEOUT_S, env=box.environment,
    )  # fmt: skip


def self_signed(directory: Path, name: str) -> str:
    """Write ``crt.pem`` and ``key.pem``; return the SHA-256."""
    key: Any = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=90))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (directory / "crt.pem").write_bytes(made.public_bytes(Encoding.PEM))
    (directory / "key.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    return made.fingerprint(hashes.SHA256()).hex()
