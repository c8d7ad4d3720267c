# SPDX-License-Identifier: Apache-2.0
import datetime as dt
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from atre.choices.owner_mark import set_mark
from atre.cli import main as atre
from atre.errors import ConfigError
from atre.network import record as network_record
from atre.network.link import NetworkdLink
from atre.provision import record, signature
from atre.provision.apply import apply_files, credentials
from atre.provision.file import read


def _authority(*, ca: bool = True) -> str:
    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Office CA")])
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(7).not_valid_before(now).not_valid_after(now + dt.timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .sign(key, None)
    )  # fmt: skip
    assert certificate.fingerprint(hashes.SHA256())
    return certificate.public_bytes(Encoding.PEM).decode()


WHOLE = f'''
format = 1

[office]
name = "Étude Martin"
language = "fr"
time_zone = "Europe/Paris"

[network]
method = "static"
interface = "enp1s0"
address = "192.168.1.50/24"
gateway = "192.168.1.1"
dns = ["192.168.1.1"]

[reseller]
id = "grenoble-07"

[model]
preload = "qwen3-8b"

[trust]
ca = """
{_authority()}"""
'''.encode()


def test_everything_that_can_be_said_is_read() -> None:
    found = read(WHOLE)
    assert found.office.name == "Étude Martin"
    assert found.network
    assert found.network.gateway == "192.168.1.1"
    assert found.model
    assert found.model.preload == "qwen3-8b"


@pytest.mark.parametrize(
    ("text", "english", "french"),
    [
        (b"", "the key 'format' is missing", "la clé « format » manque"),
        (b"format = 2", "format: 2 is none", "format"),
        (b"format = 1\nofice = 3", "no key 'ofice'", "« ofice » n’existe pas"),
        (b"format = 1\n[office]\nnam = 'x'", "office: there is no key 'nam'", "office"),
        (b"format = 1\n[office]\nname = 3", "office.name: this must be: str", "il faut ici"),
        (b"format = 1\n[office]\nname = 'a\nb'", "line 3", "la ligne 3"),
        (b'format = 1\n[office]\nname = "a\\nb"', "office.name:", "office.name"),
        (b"format = 1\n[office]\ntime_zone = 'Europe/Grenoble'", "office.time_zone: this machine",
         "fuseau"),
        (b"format = 1\n[network]\naddress = '192.168.1.5/24'", "network.address: With",
         "DHCP"),
        (b"format = 1\n[network]\nmethod = 'static'", "network.interface:", "port"),
        (b"format = 1\n[trust]\nca = 'none'", "trust.ca:", "autorité"),
        (b"format = 1\n[trust]\nca = '''" + _authority(ca=False).encode() + b"'''", "trust.ca:",
         "autorité"),
        (b"format = 1\n[reseller]\nid = '../x'", "reseller.id:", "pas permise"),
        (b"format = 1\n\xff", "line 2 is not UTF-8", "la ligne 2"),
        (b"#" * 300_000, "more than 262144 bytes", "plus de"),
        (b"\x00", "line 1", "la ligne 1"),
    ],
)  # fmt: skip
def test_an_error_is_one_sentence_with_its_line_or_key(
    text: bytes, english: str, french: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text)
    said = str(caught.value)
    assert said.startswith("atre-provision.toml: ")
    assert english in said
    assert french in caught.value.french
    assert len(said.splitlines()) == 1
    assert said.endswith(".")


@pytest.fixture
def link(tmp_path: Path) -> NetworkdLink:
    (tmp_path / "office.network").touch()
    return NetworkdLink(tmp_path / "office.network")


def test_it_is_applied_once_and_the_same_again_changes_nothing(
    tmp_path: Path, link: NetworkdLink
) -> None:
    data_dir = tmp_path / "data"
    assert apply_files(data_dir, WHOLE, None, key_file=tmp_path / "none", link=link)
    provisioned = record.read(data_dir / "state")
    assert provisioned
    assert not provisioned.is_signed
    assert b"192.168.1.50/24" in (tmp_path / "office.network").read_bytes()
    assert not apply_files(data_dir, WHOLE, None, key_file=tmp_path / "none", link=link)
    assert record.read(data_dir / "state") == provisioned


def test_what_a_power_cut_left_half_done_is_done_by_the_next_start(
    tmp_path: Path, link: NetworkdLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir = tmp_path / "data"

    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(record, "write", cut)
        with pytest.raises(KeyboardInterrupt):
            apply_files(data_dir, WHOLE, None, key_file=tmp_path / "none", link=link)
    assert record.read(data_dir / "state") is None
    assert apply_files(data_dir, WHOLE, None, key_file=tmp_path / "none", link=link)
    confirmed = network_record.read(data_dir / "state").confirmed
    assert confirmed == read(WHOLE).network


def test_a_box_with_an_owner_takes_no_other_file(tmp_path: Path, link: NetworkdLink) -> None:
    data_dir = tmp_path / "data"
    apply_files(data_dir, WHOLE, None, key_file=tmp_path / "none", link=link)
    (data_dir / "atre.db").touch()
    set_mark(data_dir / "state", waits=True)
    apply_files(data_dir, b"format = 1", None, key_file=tmp_path / "none", link=link)
    set_mark(data_dir / "state", waits=False)
    with pytest.raises(ConfigError, match="owner"):
        apply_files(data_dir, WHOLE, None, key_file=tmp_path / "none", link=link)


def test_with_a_pinned_key_only_its_signature_counts(tmp_path: Path, link: NetworkdLink) -> None:
    key = Ed25519PrivateKey.generate()
    pinned = tmp_path / "key.pem"
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    pinned.write_bytes(pem)
    signed = key.sign(WHOLE)
    for wrong in (None, b"", signed[:-1], Ed25519PrivateKey.generate().sign(WHOLE)):
        with pytest.raises(ConfigError):
            apply_files(tmp_path, WHOLE, wrong, key_file=pinned, link=link)
    with pytest.raises(ConfigError, match="does not fit"):
        apply_files(tmp_path, WHOLE + b"\n", signed, key_file=pinned, link=link)
    assert record.read(tmp_path / "state") is None
    apply_files(tmp_path, WHOLE, signed, key_file=pinned, link=link)
    provisioned = record.read(tmp_path / "state")
    assert provisioned
    assert provisioned.is_signed
    # A key that cannot be used must not let anybody in.
    pinned.write_bytes(pem[:40])
    with pytest.raises(ConfigError, match="no Ed25519 public key"):
        signature.check(WHOLE, signed, pinned)


def test_it_comes_by_credentials_of_systemd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    assert credentials() is None
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert credentials() is None
    (tmp_path / "atre.provision").write_bytes(WHOLE)
    assert credentials() == (WHOLE, None)
    (tmp_path / "atre.provision.sig").write_bytes(b"s")
    assert credentials() == (WHOLE, b"s")


def test_the_box_starts_in_its_time_zone_and_believes_the_office_too(
    tmp_path: Path, link: NetworkdLink
) -> None:
    system = tmp_path / "system.pem"
    system.write_text("THE SYSTEM'S\n")
    state_dir = tmp_path / "data" / "state"
    assert record.environment(state_dir, tmp_path) == {}
    apply_files(tmp_path / "data", WHOLE, None, key_file=tmp_path / "none", link=link)
    found = record.environment(state_dir, tmp_path, system)
    assert found["TZ"] == "Europe/Paris"
    bundle = Path(found["SSL_CERT_FILE"]).read_text()
    assert bundle.startswith("THE SYSTEM'S\n")
    provision = read(WHOLE)
    assert provision.trust
    assert provision.trust.ca in bundle


def test_the_command_says_what_it_finds(tmp_path: Path) -> None:
    file, runner = tmp_path / "atre-provision.toml", CliRunner()
    file.write_bytes(WHOLE)
    done = runner.invoke(atre, ["provision", "check", str(file), "--lang", "en"])
    assert (done.exit_code, done.output) == (0, "The file is right.\n")
    file.write_bytes(b"format = 1\nx = 1")
    done = runner.invoke(atre, ["provision", "check", str(file), "--lang", "fr"])
    assert done.exit_code == 1
    assert "la clé « x » n’existe pas" in done.output
    file.write_bytes(b"format = 1")
    where = ["--data-dir", str(tmp_path / "data"), "--lang", "en"]
    said = [runner.invoke(atre, ["provision", "apply", str(file), *where]).output for _ in range(2)]
    assert said == [
        "Applied. It counts from the next start of the box.\n",
        "It was applied already.\n",
    ]
