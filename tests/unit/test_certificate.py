# SPDX-License-Identifier: Apache-2.0
import datetime as dt
import socket
import ssl
import threading
from pathlib import Path

import pytest
from cryptography import x509

from atre.certificate import ensure_certificate

NOW = dt.datetime.now(dt.UTC)
HOST = "atre-7f3a.local"
ADDRESSES = ["192.168.1.20", "fe80::1%eth0"]


def ensure(
    directory: Path,
    *,
    host_name: str = HOST,
    addresses: list[str] | None = None,
    now: dt.datetime = NOW,
) -> str:
    listed = ADDRESSES if addresses is None else addresses
    return ensure_certificate(directory, host_name=host_name, addresses=listed, now=now)


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


def test_the_ca_cannot_vouch_for_the_world(tmp_path: Path) -> None:
    ensure(tmp_path, host_name="bank.example")
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree"):
        handshake(tmp_path, "bank.example")


def test_nothing_changes_while_nothing_has_to(tmp_path: Path) -> None:
    fingerprint = ensure(tmp_path)
    assert ensure(tmp_path, now=NOW + dt.timedelta(days=300)) == fingerprint


@pytest.mark.parametrize(
    "change",
    [
        {"host_name": "atre-7f3a-2.local"},
        {"addresses": ["192.168.1.21"]},
        {"now": NOW + dt.timedelta(days=380)},
        {"now": NOW - dt.timedelta(days=30)},
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
