# SPDX-License-Identifier: Apache-2.0
"""Which certificate the box serves: its owner's while that is good, else its own."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from atre.certificate import imported
from atre.certificate.authority import permits_name
from atre.certificate.files import names_file, served_file
from atre.certificate.names import BoxNames
from atre.certificate.own import ensure_certificate
from atre.certificate.pieces import at_least_floor, read_certificate
from atre.errors import InvalidRequestError
from atre.ipc.messages import CertificateSource
from atre.sentence import Sentence
from atre.system.durable import write_durably

_WARN_IMPORTED_DAYS = 14
_WARN_AUTHORITY_DAYS = 365

_IMPORTED = "imported.pem"


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """The certificate that every new connection gets. Fingerprints are SHA-256 in hex."""

    sha256: str
    authority_sha256: str
    source: CertificateSource
    ends_at: dt.datetime
    notices: list[Sentence]


def refresh(tls_dir: Path, names: BoxNames, now: dt.datetime) -> Served:
    """Make what is missing or out of date, and choose. Raises OSError.

    ``served.pem`` (key, leaf, issuers) is what the listener loads for each connection, so one that
    is open keeps what it began with; ``names.json`` lists what the box is called.
    """
    now = at_least_floor(now)
    ensure_certificate(
        tls_dir,
        host_name=names.host_name,
        addresses=names.addresses,
        aliases=names.aliases,
        now=now,
    )
    _write_changed(names_file(tls_dir), msgspec.json.encode(_all_names(names)), mode=0o644)
    ca = _own(tls_dir / "ca.crt")
    bundled, leaf, notices = _choose(tls_dir, names, now)
    _write_changed(served_file(tls_dir), bundled, mode=0o600)
    source = CertificateSource.OWN
    if leaf is None:
        leaf = _own(tls_dir / "leaf.crt")
        notices += _own_notices(ca, names, now)
    else:
        source = CertificateSource.IMPORTED
        notices += _imported_notices(leaf, now)
    return Served(
        sha256=leaf.fingerprint(hashes.SHA256()).hex(),
        authority_sha256=ca.fingerprint(hashes.SHA256()).hex(),
        source=source,
        ends_at=leaf.not_valid_after_utc,
        notices=notices,
    )


def use_imported(
    tls_dir: Path, certificate: bytes, key: bytes, chain: bytes, names: BoxNames, now: dt.datetime
) -> None:
    """Keep the owner's certificate, to be served from the next ``refresh`` on.

    Raises InvalidRequestError if it cannot be used, OSError.
    """
    made = imported.bundle(certificate, key, chain, names, at_least_floor(now))
    write_durably(tls_dir / _IMPORTED, made)


def forget_imported(tls_dir: Path) -> None:
    """Go back to the box's own certificate. Raises OSError."""
    (tls_dir / _IMPORTED).unlink(missing_ok=True)


def forget_authority(tls_dir: Path) -> None:
    """Throw the authority away; ``refresh`` makes another, which nobody trusts yet.

    Raises OSError.
    """
    for name in ("ca.key", "ca.crt", "leaf.key", "leaf.crt"):
        (tls_dir / name).unlink(missing_ok=True)


def _choose(
    tls_dir: Path, names: BoxNames, now: dt.datetime
) -> tuple[bytes, x509.Certificate | None, list[Sentence]]:
    """What to serve, the owner's leaf if it is theirs, and what to say."""
    own = (tls_dir / "leaf.key").read_bytes() + (tls_dir / "leaf.crt").read_bytes()
    try:
        bundled = (tls_dir / _IMPORTED).read_bytes()
    except FileNotFoundError:
        return own, None, []
    try:
        return bundled, imported.recheck(bundled, names, now), []
    except InvalidRequestError as error:
        return own, None, [_unusable(error.sentence)]


def _unusable(why: Sentence) -> Sentence:
    return Sentence(
        f"The imported certificate is not used any more, the box's own is: {why.text} Then "
        "`atre certificate import`, or `atre certificate reset` to forget it.",
        f"Le certificat importé ne sert plus, celui du boîtier le remplace : {why.text_fr} "
        "Ensuite `atre certificate import`, ou `atre certificate reset` pour l’oublier.",
    )


def _imported_notices(leaf: x509.Certificate, now: dt.datetime) -> list[Sentence]:
    end = leaf.not_valid_after_utc
    if end - now > dt.timedelta(days=_WARN_IMPORTED_DAYS):
        return []
    return [
        Sentence(
            f"The imported certificate ends on {end:%Y-%m-%d}. Import its successor with "
            "`atre certificate import`; otherwise the box goes back to its own.",
            f"Le certificat importé prend fin le {end:%d/%m/%Y}. Importez le suivant avec "
            "`atre certificate import` ; sinon le boîtier reprend le sien.",
        )
    ]


def _own_notices(ca: x509.Certificate, names: BoxNames, now: dt.datetime) -> list[Sentence]:
    notices = []
    missing = ", ".join(each for each in names.host_names if not permits_name(ca, each))
    if missing:
        notices.append(
            Sentence(
                f"The box's authority was made before the box had the name {missing}, and may "
                "not vouch for it: browsers warn there. `atre certificate reset --authority` makes "
                "another, which every device has to trust once more.",
                f"L’autorité du boîtier date d’avant le nom {missing} et ne peut pas s’en "
                "porter garante : les navigateurs y avertissent. `atre certificate reset "
                "--authority` en fait une autre, que chaque appareil doit approuver à nouveau.",
            )
        )
    end = ca.not_valid_after_utc
    if end - now < dt.timedelta(days=_WARN_AUTHORITY_DAYS):
        notices.append(
            Sentence(
                f"The box's authority ends on {end:%Y-%m-%d}. Choose a quiet day before: "
                "`atre certificate reset --authority` makes another, which every device has to "
                "trust once more.",
                f"L’autorité du boîtier prend fin le {end:%d/%m/%Y}. Choisissez un jour calme "
                "avant cela : `atre certificate reset --authority` en fait une autre, que chaque "
                "appareil doit approuver à nouveau.",
            )
        )
    return notices


def _all_names(names: BoxNames) -> list[str]:
    return [*names.host_names, *map(str, names.ip_addresses)]


def _own(path: Path) -> x509.Certificate:
    certificate = read_certificate(path)
    if certificate is None:
        raise OSError(f"{path} was just written and cannot be read")
    return certificate


def _write_changed(path: Path, data: bytes, *, mode: int) -> None:
    try:
        if path.read_bytes() == data:
            return
    except OSError:
        pass
    write_durably(path, data, mode=mode)
