# SPDX-License-Identifier: Apache-2.0
"""That a unit was sealed, signed by the unit: ``factory/sealed.json``."""

from pathlib import Path
from typing import Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from atre.burn_in import signed
from atre.sentence import Sentence

_KIND = signed.Kind(b"atre sealing 1\n", Sentence("sealing certificate", "certificat de scellage"))


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """One unit that was sealed; ``key`` is the fingerprint of its key.

    ``report_sha256`` is that of the file with the report of its burn-in, empty for a unit that was
    not tested.
    """

    format: Literal[1] = 1
    serial: str
    name: str
    key: str
    models: tuple[str, ...]
    version: str
    sealed_at: str
    report_sha256: str


def write_certificate(certificate: Certificate, key: Ed25519PrivateKey, path: Path) -> None:
    """Raises BurnInError if it cannot be written."""
    signed.write(certificate, _KIND, key, path)


def read_certificate(path: Path) -> Certificate:
    """Raises BurnInError if it cannot be read, was changed, or speaks for another unit."""
    certificate, key = signed.read(path, _KIND, Certificate)
    if certificate.key != key:
        raise signed.of_another_unit(path)
    return certificate
