# SPDX-License-Identifier: Apache-2.0
"""A certificate that the box's owner brought: what is asked of it before it is served."""

import datetime as dt
import ssl
import tempfile
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

from atre.certificate.names import BoxNames, covers, parsed
from atre.certificate.own import alternative_names
from atre.errors import InvalidRequestError

MAX_BYTES = 256 * 1024  # of one file; the longest chains in use are a tenth of it
_MIN_RSA_BITS = 2048
_Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def bundle(
    certificate: bytes, key: bytes, chain: bytes, names: BoxNames, now: dt.datetime
) -> bytes:
    """One PEM text to serve: the key, the leaf, then its issuers in order.

    Each file may be PEM or DER, with its certificates in any order. Raises InvalidRequestError,
    which says what is wrong and what to do.
    """
    private = _load_key(key)
    given = [*_load_certificates(certificate, "certificate"), *_load_chain(chain)]
    leaf = _leaf_of(given, private)
    _check_use(leaf, names)
    path = _in_order(leaf, given)
    for each in path:
        _check_dates(each, now)
        _check_signature_hash(each)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    made = pem + b"".join(each.public_bytes(Encoding.PEM) for each in path)
    _check_with_openssl(made)
    return made


def recheck(bundled: bytes, names: BoxNames, now: dt.datetime) -> x509.Certificate:
    """The leaf of a bundle that was imported before, if it can still be served.

    Raises InvalidRequestError.
    """
    key, begin, certificates = bundled.partition(b"-----BEGIN CERTIFICATE-----")
    private = _load_key(key)
    given = _load_certificates(begin + certificates, "certificate")
    leaf = _leaf_of(given, private)
    _check_use(leaf, names)
    for each in _in_order(leaf, given):
        _check_dates(each, now)
    return leaf


def _load_key(data: bytes) -> _Key:
    load = load_pem_private_key if b"-----BEGIN" in data else load_der_private_key
    try:
        key: PrivateKeyTypes = load(_bounded(data, "key"), password=None)
    except TypeError as error:
        raise InvalidRequestError(
            "The key is protected by a password, which nobody could type when the box starts. "
            "Write one without: `openssl pkey -in KEY -out NEW-KEY`.",
            "La clé est protégée par un mot de passe, que personne ne pourrait taper au démarrage "
            "du boîtier. Faites-en une sans : `openssl pkey -in KEY -out NEW-KEY`.",
            param="key",
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InvalidRequestError(
            "The key file holds no private key in PEM or DER form.",
            "Le fichier de la clé ne contient pas de clé privée au format PEM ou DER.",
            param="key",
        ) from error
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= _MIN_RSA_BITS:
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return key
    raise InvalidRequestError(
        "Browsers take no certificate with this kind of key. Use an ECDSA key on P-256 or P-384, "
        f"or an RSA key of {_MIN_RSA_BITS} bits or more.",
        "Les navigateurs n’acceptent aucun certificat avec ce genre de clé. Prenez une clé ECDSA "
        f"sur P-256 ou P-384, ou une clé RSA de {_MIN_RSA_BITS} bits ou plus.",
        param="key",
    )


_CURVES = {"secp256r1", "secp384r1"}
_OF = {"certificate": "du certificat", "key": "de la clé", "chain": "de la chaîne"}


def _load_certificates(data: bytes, param: str) -> list[x509.Certificate]:
    try:
        if b"-----BEGIN" in data:
            return x509.load_pem_x509_certificates(_bounded(data, param))
        return [x509.load_der_x509_certificate(_bounded(data, param))]
    except ValueError as error:
        raise InvalidRequestError(
            f"The {param} file holds no certificate in PEM or DER form.",
            f"Le fichier {_OF[param]} ne contient pas de certificat au format PEM ou DER.",
            param=param,
        ) from error


def _load_chain(data: bytes) -> list[x509.Certificate]:
    return _load_certificates(data, "chain") if data.strip() else []


def _bounded(data: bytes, param: str) -> bytes:
    if len(data) > MAX_BYTES:
        raise InvalidRequestError(
            f"The {param} file is longer than {MAX_BYTES // 1024} KiB: it is another file.",
            f"Le fichier {_OF[param]} dépasse {MAX_BYTES // 1024} Kio : ce n’est pas le bon.",
            param=param,
        )
    return data


def _leaf_of(given: list[x509.Certificate], key: _Key) -> x509.Certificate:
    public = key.public_key()
    for certificate in given:
        try:
            if certificate.public_key() == public:
                return certificate
        except (ValueError, UnsupportedAlgorithm):
            continue
    raise InvalidRequestError(
        "The key belongs to another certificate. Give the key with which this certificate was "
        "requested.",
        "La clé est celle d’un autre certificat. Donnez la clé avec laquelle ce certificat a été "
        "demandé.",
        param="key",
    )


def _check_use(leaf: x509.Certificate, names: BoxNames) -> None:
    try:
        constraints = leaf.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        constraints = None
    if constraints and constraints.ca:
        raise InvalidRequestError(
            "This is the certificate of an authority, not of a server. Have the authority sign one "
            "for the box.",
            "C’est le certificat d’une autorité, et non d’un serveur. Faites-en signer un pour le "
            "boîtier par l’autorité.",
            param="certificate",
        )
    try:
        uses = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        uses = None
    if uses and ExtendedKeyUsageOID.SERVER_AUTH not in uses:
        raise InvalidRequestError(
            "This certificate is not for servers (extended key usage without serverAuth).",
            "Ce certificat n’est pas fait pour un serveur (usage étendu de la clé sans "
            "serverAuth).",
            param="certificate",
        )
    _check_names(leaf, names)


def _check_names(leaf: x509.Certificate, names: BoxNames) -> None:
    present = alternative_names(leaf)
    host_names = present.get_values_for_type(x509.DNSName) if present else []
    addresses = present.get_values_for_type(x509.IPAddress) if present else []
    if any(covers(each, name) for each in host_names for name in names.host_names):
        return
    if set(addresses) & set(parsed(names.addresses)):
        return
    wanted = ", ".join([*names.host_names, *map(str, names.ip_addresses)])
    found = ", ".join([*host_names, *map(str, addresses)])[:500]
    raise InvalidRequestError(
        f"The certificate is for {found or 'no name'}, but the box is called {wanted}. "
        "Get one for a name of the box, or start the box with `--alias NAME` to give it that name.",
        f"Le certificat est pour {found or 'aucun nom'}, mais le boîtier s’appelle {wanted}. "
        "Demandez-en un pour un nom du boîtier, ou démarrez le boîtier avec `--alias NOM` pour "
        "lui donner ce nom.",
        param="certificate",
    )


def _in_order(leaf: x509.Certificate, given: list[x509.Certificate]) -> list[x509.Certificate]:
    """The leaf and its issuers, each after the one that it signed."""
    path = [leaf]
    rest = [each for each in dict.fromkeys(given) if each != leaf]
    while rest:
        issuer = next((each for each in rest if _issued(each, path[-1])), None)
        if issuer is None:
            other, signed = (each.subject.rfc4514_string()[:200] for each in (rest[0], path[-1]))
            raise InvalidRequestError(
                f"The certificate of {other!r} did not sign {signed!r}. Give only the intermediate "
                "certificates that lead to this one's authority.",
                f"Le certificat de {other!r} n’a pas signé celui de {signed!r}. Donnez seulement "
                "les certificats intermédiaires qui mènent à l’autorité de celui-ci.",
                param="chain",
            )
        path.append(issuer)
        rest.remove(issuer)
    return path


def _issued(issuer: x509.Certificate, subject: x509.Certificate) -> bool:
    try:
        subject.verify_directly_issued_by(issuer)
    except (InvalidSignature, TypeError, ValueError, UnsupportedAlgorithm):
        return False
    return True


def _check_dates(certificate: x509.Certificate, now: dt.datetime) -> None:
    name = certificate.subject.rfc4514_string()[:200]
    whose, whose_fr = (f"of {name!r}", f"de {name!r}") if name else ("of the box", "du boîtier")
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if ends <= now:
        raise InvalidRequestError(
            f"The certificate {whose} ended on {ends:%Y-%m-%d}. Get a new one.",
            f"Le certificat {whose_fr} a pris fin le {ends:%d/%m/%Y}. Demandez-en un nouveau.",
            param="certificate",
        )
    if begins > now:
        raise InvalidRequestError(
            f"The certificate {whose} begins on {begins:%Y-%m-%d}, but the box's clock says "
            f"{now:%Y-%m-%d}. Set the clock, or wait.",
            f"Le certificat {whose_fr} commence le {begins:%d/%m/%Y}, mais l’horloge du boîtier "
            f"dit le {now:%d/%m/%Y}. Réglez l’horloge, ou attendez.",
            param="certificate",
        )


def _check_signature_hash(certificate: x509.Certificate) -> None:
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return
    if isinstance(algorithm, hashes.MD5 | hashes.SHA1):
        raise InvalidRequestError(
            f"The certificate is signed with {algorithm.name}, which no browser accepts any more. "
            "Get one signed with SHA-256.",
            f"Le certificat est signé avec {algorithm.name}, que plus aucun navigateur n’accepte. "
            "Demandez-en un signé avec SHA-256.",
            param="certificate",
        )


def _check_with_openssl(bundled: bytes) -> None:
    """Load it as the listener will: what OpenSSL refuses would end every connection."""
    with tempfile.TemporaryDirectory(prefix="atre-tls-") as directory:
        path = Path(directory) / "bundle.pem"
        path.touch(mode=0o600)
        path.write_bytes(bundled)
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(path)
        except ssl.SSLError as error:
            raise InvalidRequestError(
                f"OpenSSL refuses this certificate: {error.reason}.",
                f"OpenSSL refuse ce certificat : {error.reason}.",
                param="certificate",
            ) from error
