# SPDX-License-Identifier: Apache-2.0
import datetime as dt
import ipaddress
import shutil
import socket
import ssl
import subprocess
import threading
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from atre.certificate import ensure_certificate
from atre.certificate.own import _sign_leaf
from atre.certificate.pieces import builder, ensure_key, read_certificate

NOW = dt.datetime.now(dt.UTC)
HOST = "atre-7f3a.local"
ADDRESSES = ["192.168.1.20", "fe80::1%eth0"]


def ensure(
    directory: Path,
    *,
    host_name: str = HOST,
    addresses: list[str] | None = None,
    aliases: list[str] | None = None,
    now: dt.datetime = NOW,
) -> str:
    listed = ADDRESSES if addresses is None else addresses
    return ensure_certificate(
        directory, host_name=host_name, addresses=listed, aliases=aliases or [], now=now
    )


def handshake(directory: Path, name: str) -> str | None:
    """Connect as a client that trusts the box's CA; return the TLS version."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(directory / "leaf.crt", directory / "leaf.key")
    client = ssl.create_default_context(cafile=str(directory / "ca.crt"))
    ours, theirs = socket.socketpair()

    def serve() -> None:
        try:
            with server.wrap_socket(theirs, server_side=True) as wrapped:
                wrapped.recv(1)
        except (ssl.SSLError, OSError):
            theirs.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client.wrap_socket(ours, server_hostname=name) as connection:
            version = connection.version()
            connection.sendall(b"x")
            return version
    finally:
        ours.close()
        thread.join()


@pytest.mark.parametrize("name", [HOST, "localhost", "192.168.1.20", "127.0.0.1", "fe80::1"])
def test_a_client_that_trusts_the_ca_accepts_each_name(tmp_path: Path, name: str) -> None:
    ensure(tmp_path)
    assert handshake(tmp_path, name) == "TLSv1.3"


def test_another_name_is_refused(tmp_path: Path) -> None:
    ensure(tmp_path)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(tmp_path, "atre-0000.local")


def forged(directory: Path, name: str) -> Path:
    """A certificate for ``name`` signed by whoever took the box's CA key."""
    ca = read_certificate(directory / "ca.crt")
    assert ca
    key = ensure_key(directory / "thief.key")
    try:
        names: list[x509.GeneralName] = [x509.IPAddress(ipaddress.ip_address(name))]
    except ValueError:
        names = []
    # The common name is checked too where there is no DNS name: it must not be what is refused.
    names.insert(0, x509.DNSName(HOST if names else name))
    leaf = _sign_leaf(
        key, ca, ensure_key(directory / "ca.key"), x509.SubjectAlternativeName(names), NOW
    )
    path = directory / "forged.crt"
    path.write_bytes(leaf.public_bytes(Encoding.PEM))
    return path


def openssl_verify(directory: Path, certificate: Path) -> str:
    """What OpenSSL's own program says to somebody who trusts the box's CA; empty if it agrees."""
    if shutil.which("openssl") is None:
        pytest.skip("not installed: openssl")
    done = subprocess.run(
        ["openssl", "verify", "-x509_strict", "-purpose", "sslserver",
         "-CAfile", str(directory / "ca.crt"), str(certificate)],
        check=False, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.parametrize(
    "name",
    ["bank.example", "printer.local", "atre-0000.local", "atre-7f3a.local.example", "local",
     "203.0.113.7", "2001:db8::1"],
)  # fmt: skip
def test_a_stolen_ca_key_is_worth_nothing_elsewhere(tmp_path: Path, name: str) -> None:
    ensure(tmp_path)
    assert "permitted subtree violation" in openssl_verify(tmp_path, forged(tmp_path, name))


@pytest.mark.parametrize(
    "name", [HOST, "atre-7f3a-2.local", "ia.bureau.example", "10.9.8.7", "fd12::7", "169.254.3.4"]
)
def test_the_ca_vouches_for_what_the_box_may_be_called_later(tmp_path: Path, name: str) -> None:
    ensure(tmp_path, aliases=["ia.bureau.example"])
    assert openssl_verify(tmp_path, forged(tmp_path, name)) == ""


def test_the_constraints_are_critical_and_for_tls_servers_only(tmp_path: Path) -> None:
    ensure(tmp_path)
    ca = x509.load_pem_x509_certificate((tmp_path / "ca.crt").read_bytes())
    assert ca.extensions.get_extension_for_class(x509.NameConstraints).critical
    constraints = ca.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert constraints.value.path_length == 0
    uses = ca.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(uses) == [ExtendedKeyUsageOID.SERVER_AUTH]


def test_nothing_changes_while_nothing_has_to(tmp_path: Path) -> None:
    fingerprint = ensure(tmp_path)
    assert ensure(tmp_path, now=NOW + dt.timedelta(days=300)) == fingerprint


@pytest.mark.parametrize(
    "change",
    [
        {"host_name": "atre-7f3a-2.local"},
        {"addresses": ["192.168.1.21"]},
        {"now": NOW + dt.timedelta(days=380)},
        {"now": dt.datetime(2026, 2, 1, tzinfo=dt.UTC)},
    ],
)
def test_the_leaf_is_renewed_for_a_new_name_address_or_date(
    tmp_path: Path, change: dict[str, object]
) -> None:
    fingerprint = ensure(tmp_path)
    key = (tmp_path / "leaf.key").read_bytes()
    assert ensure(tmp_path, **change) != fingerprint  # type: ignore[arg-type]
    assert (tmp_path / "leaf.key").read_bytes() == key


@pytest.mark.parametrize("name", ["ca.crt", "ca.key", "leaf.crt", "leaf.key"])
@pytest.mark.parametrize("damage", [b"", b"garbage"])
def test_a_damaged_file_is_made_again(tmp_path: Path, name: str, damage: bytes) -> None:
    ensure(tmp_path)
    (tmp_path / name).write_bytes(damage)
    ensure(tmp_path)
    assert handshake(tmp_path, HOST) == "TLSv1.3"


def test_a_clock_set_back_does_not_cost_the_trust_in_the_ca(tmp_path: Path) -> None:
    ensure(tmp_path)
    ca = (tmp_path / "ca.crt").read_bytes()
    ensure(tmp_path, now=dt.datetime(1970, 1, 2, tzinfo=dt.UTC))
    ensure(tmp_path)
    assert (tmp_path / "ca.crt").read_bytes() == ca
    assert handshake(tmp_path, HOST) == "TLSv1.3"


def test_a_box_that_first_starts_in_1970_is_trusted_today(tmp_path: Path) -> None:
    ensure(tmp_path, now=dt.datetime(1970, 1, 1, tzinfo=dt.UTC))
    ca = (tmp_path / "ca.crt").read_bytes()
    ensure(tmp_path)
    assert (tmp_path / "ca.crt").read_bytes() == ca
    assert handshake(tmp_path, HOST) == "TLSv1.3"


def test_a_clock_that_was_ahead_leaves_nothing_that_begins_in_the_future(tmp_path: Path) -> None:
    ensure(tmp_path, now=NOW + dt.timedelta(days=5000))
    ca = (tmp_path / "ca.crt").read_bytes()
    ensure(tmp_path)
    assert (tmp_path / "ca.crt").read_bytes() == ca
    assert handshake(tmp_path, HOST) == "TLSv1.3"


def test_a_ca_that_ended_before_this_program_existed_is_made_again(tmp_path: Path) -> None:
    ensure(tmp_path)
    key = ensure_key(tmp_path / "ca.key")
    ca = read_certificate(tmp_path / "ca.crt")
    assert ca
    begin, end = dt.datetime(1970, 1, 1), dt.datetime(1980, 1, 1)  # noqa: DTZ001
    old = builder(ca.subject, begin, end, ca.subject, key).sign(key, hashes.SHA256())
    (tmp_path / "ca.crt").write_bytes(old.public_bytes(Encoding.PEM))
    ensure(tmp_path)
    assert handshake(tmp_path, HOST) == "TLSv1.3"


def test_a_key_that_others_could_read_is_closed_again(tmp_path: Path) -> None:
    ensure(tmp_path)
    (tmp_path / "ca.key").chmod(0o644)
    ensure(tmp_path)
    assert (tmp_path / "ca.key").stat().st_mode & 0o777 == 0o600


def test_a_foreign_file_in_place_of_the_leaf_is_made_again(tmp_path: Path) -> None:
    ensure(tmp_path)
    (tmp_path / "leaf.crt").write_bytes((tmp_path / "ca.crt").read_bytes())
    ensure(tmp_path)
    assert handshake(tmp_path, HOST) == "TLSv1.3"


def test_a_name_that_the_ca_may_not_vouch_for_is_left_out(tmp_path: Path) -> None:
    ensure(tmp_path)
    ensure(tmp_path, aliases=["ia.bureau.example"])
    assert handshake(tmp_path, HOST) == "TLSv1.3"
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        handshake(tmp_path, "ia.bureau.example")


def test_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    ensure(tmp_path)
    assert (tmp_path / "ca.key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "leaf.key").stat().st_mode & 0o777 == 0o600


def test_a_public_address_is_left_out(tmp_path: Path) -> None:
    ensure(tmp_path, addresses=["192.168.1.20", "198.51.100.7"])
    leaf = x509.load_pem_x509_certificate((tmp_path / "leaf.crt").read_bytes())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "198.51.100.7" not in [str(a) for a in names.get_values_for_type(x509.IPAddress)]
    assert handshake(tmp_path, "192.168.1.20") == "TLSv1.3"
