# SPDX-License-Identifier: Apache-2.0
"""A certificate that the owner brought: what is refused, what is served, and when no longer."""

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID
from tests.bilingual import has_the_same_facts

from atre.certificate import served
from atre.certificate.files import names_file, served_file
from atre.certificate.names import BoxNames, covers
from atre.certificate.pieces import builder, common_name
from atre.errors import InvalidRequestError
from atre.ipc.messages import CertificateSource
from atre.system.host_name import is_host_name

NOW = dt.datetime.now(dt.UTC)
NAMES = BoxNames(
    host_name="atre-7f3a.local", aliases=("ia.bureau.example",), addresses=("192.168.1.20",)
)
DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Issued:
    """A certificate, its key, and the certificate of whoever signed it, all PEM."""

    certificate: bytes
    key: bytes
    chain: bytes


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def issue(
    name: str = "ia.bureau.example",
    *,
    key: object = None,
    begin: dt.datetime = NOW - DAY,
    end: dt.datetime = NOW + 60 * DAY,
    is_ca: bool = False,
    use: x509.ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH,
    issuer_end: dt.datetime = NOW + 60 * DAY,
) -> Issued:
    issuer_key = ec.generate_private_key(ec.SECP256R1())
    issuer = common_name("Bureau CA")
    ca = builder(issuer, NOW - 400 * DAY, issuer_end, issuer, issuer_key).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    )
    own = key or ec.generate_private_key(ec.SECP256R1())
    leaf = (
        builder(issuer, begin, end, common_name(name), own)  # type: ignore[arg-type]
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
    )
    private = own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())  # type: ignore[attr-defined]
    signed = leaf.sign(issuer_key, hashes.SHA256())
    return Issued(pem(signed), private, pem(ca.sign(issuer_key, hashes.SHA256())))


@pytest.fixture
def tls_dir(tmp_path: Path) -> Path:
    served.refresh(tmp_path, NAMES, NOW)
    return tmp_path


def use(tls_dir: Path, given: Issued, names: BoxNames = NAMES) -> served.Served:
    served.use_imported(tls_dir, given.certificate, given.key, given.chain, names, NOW)
    return served.refresh(tls_dir, names, NOW)


@pytest.mark.parametrize("name", ["ia.bureau.example", "*.bureau.example", "atre-7f3a.local"])
def test_a_good_certificate_is_served_with_its_chain_in_order(tls_dir: Path, name: str) -> None:
    given = issue(name)
    # As authorities send them: everything in one file, in no order.
    together = Issued(given.chain + given.certificate, given.key, b"")
    for each in (given, together):
        now = use(tls_dir, each)
        assert now.source is CertificateSource.IMPORTED
        assert now.notices == []
        text = served_file(tls_dir).read_bytes()
        assert text.startswith(b"-----BEGIN PRIVATE KEY-----")
        assert text.endswith(given.certificate + given.chain)
        assert served_file(tls_dir).stat().st_mode & 0o777 == 0o600


def test_der_files_are_taken_too(tls_dir: Path) -> None:
    given = issue()
    certificate = x509.load_pem_x509_certificate(given.certificate).public_bytes(Encoding.DER)
    made = use(tls_dir, Issued(certificate, given.key, given.chain))
    assert made.source is CertificateSource.IMPORTED


def weak_rsa() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 1024)  # noqa: S505 -- weak on purpose


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda: issue(end=NOW - DAY, begin=NOW - 9 * DAY), "ended on"),
        (lambda: issue(begin=NOW + DAY), "begins on"),
        (lambda: issue("www.bureau.example"), "for www.bureau.example, but the box is called"),
        (lambda: issue("*.example"), "but the box is called"),
        (lambda: issue(key=weak_rsa()), "kind of key"),
        (lambda: issue(key=ed25519.Ed25519PrivateKey.generate()), "kind of key"),
        (lambda: issue(is_ca=True), "of an authority"),
        (lambda: issue(use=ExtendedKeyUsageOID.CLIENT_AUTH), "not for servers"),
        (lambda: issue(issuer_end=NOW - DAY), "'CN=Bureau CA' ended on"),
        (lambda: Issued(issue().certificate, issue().key, b""), "another certificate"),
        (lambda: Issued(issue().certificate, b"", b""), "no private key"),
        (lambda: Issued(b"nonsense", issue().key, b""), "no certificate"),
        (lambda: Issued(b"\0" * 300_000, issue().key, b""), "longer than"),
        (lambda: Issued(issue().certificate, b"-----BEGIN x" + b"a" * 300_000, b""), "longer than"),
    ],
)
def test_what_cannot_work_is_refused_with_the_reason(
    tls_dir: Path, given: object, message: str
) -> None:
    before = served_file(tls_dir).read_bytes()
    with pytest.raises(InvalidRequestError, match=message) as caught:
        use(tls_dir, given())  # type: ignore[operator]
    has_the_same_facts(caught.value.sentence)
    served.refresh(tls_dir, NAMES, NOW)
    assert served_file(tls_dir).read_bytes() == before


def test_a_chain_that_leads_elsewhere_is_refused(tls_dir: Path) -> None:
    given, other = issue(), issue()
    with pytest.raises(InvalidRequestError, match="did not sign") as caught:
        use(tls_dir, Issued(given.certificate, given.key, other.chain))
    has_the_same_facts(caught.value.sentence)


def test_a_key_with_a_password_is_refused_with_the_way_out(tls_dir: Path) -> None:
    locked = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )
    with pytest.raises(InvalidRequestError, match="openssl pkey") as caught:
        use(tls_dir, Issued(issue().certificate, locked, b""))
    has_the_same_facts(caught.value.sentence)


def test_at_its_end_the_box_goes_back_to_its_own_and_says_so(tls_dir: Path) -> None:
    use(tls_dir, issue())
    soon = served.refresh(tls_dir, NAMES, NOW + 50 * DAY)
    assert soon.source is CertificateSource.IMPORTED
    assert ["ends on" in notice.text for notice in soon.notices] == [True]
    late = served.refresh(tls_dir, NAMES, NOW + 61 * DAY)
    assert late.source is CertificateSource.OWN
    assert "ended on" in late.notices[0].text
    assert "Le certificat importé ne sert plus" in late.notices[0].text_fr
    assert "a pris fin le" in late.notices[0].text_fr
    leaf = (tls_dir / "leaf.crt").read_bytes()
    assert served_file(tls_dir).read_bytes().endswith(leaf)


def test_a_name_that_was_taken_away_ends_it_too(tls_dir: Path) -> None:
    use(tls_dir, issue())
    without = BoxNames(host_name=NAMES.host_name)
    assert served.refresh(tls_dir, without, NOW).source is CertificateSource.OWN


def test_a_damaged_import_does_not_stop_the_box(tls_dir: Path) -> None:
    (tls_dir / "imported.pem").write_bytes(b"\0garbage")
    now = served.refresh(tls_dir, NAMES, NOW)
    assert now.source is CertificateSource.OWN
    assert "no private key" in now.notices[0].text


def test_reset_serves_the_boxs_own_again(tls_dir: Path) -> None:
    own = served.refresh(tls_dir, NAMES, NOW)
    use(tls_dir, issue())
    served.forget_imported(tls_dir)
    assert served.refresh(tls_dir, NAMES, NOW) == own
    served.forget_authority(tls_dir)
    assert served.refresh(tls_dir, NAMES, NOW).authority_sha256 != own.authority_sha256


def test_a_name_outside_the_authority_is_said_and_reset_mends_it(tmp_path: Path) -> None:
    served.refresh(tmp_path, BoxNames(host_name="atre-7f3a.local"), NOW)
    (notice,) = served.refresh(tmp_path, NAMES, NOW).notices
    assert "ia.bureau.example" in notice.text
    served.forget_authority(tmp_path)
    assert served.refresh(tmp_path, NAMES, NOW).notices == []


def test_an_authority_near_its_end_is_said(tls_dir: Path) -> None:
    (notice,) = served.refresh(tls_dir, NAMES, NOW + 3400 * DAY).notices
    assert "--authority" in notice.text


def test_nothing_is_written_while_nothing_changes(tls_dir: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in tls_dir.iterdir()}
    served.refresh(tls_dir, NAMES, NOW)
    assert {path: path.stat().st_mtime_ns for path in tls_dir.iterdir()} == before


def test_the_boxs_names_are_listed_for_the_host_check(tls_dir: Path) -> None:
    listed = json.loads(names_file(tls_dir).read_bytes())
    assert listed == ["atre-7f3a.local", "ia.bureau.example", "192.168.1.20"]


@pytest.mark.parametrize(
    ("pattern", "name", "is_so"),
    [
        ("ia.example", "ia.example", True),
        ("IA.example", "ia.Example", True),
        ("*.example", "ia.example", True),
        ("*.example", "a.ia.example", False),
        ("*.example", "example", False),
        ("ia.example", "xia.example", False),
        ("*", "local", False),
    ],
)
def test_a_star_is_one_label(pattern: str, name: str, *, is_so: bool) -> None:
    assert covers(pattern, name) is is_so


@pytest.mark.parametrize(
    ("text", "is_so"),
    [
        ("ia.bureau.example", True),
        ("atre", True),
        ("10.0.0.1", False),
        ("ia..example", False),
        ("-ia", False),
        ("ia_1", False),
        ("é.example", False),
        ("a" * 64, False),
        ("", False),
        ("ia.example\n", False),
    ],
)
def test_what_a_host_name_is(text: str, *, is_so: bool) -> None:
    assert is_host_name(text) is is_so
