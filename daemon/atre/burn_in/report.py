# SPDX-License-Identifier: Apache-2.0
"""What a burn-in says, signed by the unit, so that nobody can change it on the way.

The signature is over the report as JSON with sorted keys and without blanks, after a line that
names its kind: a file that was only laid out anew still holds. Anybody can make a key and sign with
it, so a signature tells which unit speaks only to those who know the fingerprint of its key.
"""

from pathlib import Path
from typing import Any, Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from atre.burn_in.findings import Findings, Remark
from atre.burn_in.unit import Unit, fingerprint
from atre.errors import BurnInError
from atre.system.durable import write_durably

_KIND = b"atre burn-in report 1\n"
_MAX_BYTES = 2**20


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One burn-in. ``started_at`` is by the unit's own clock, which may be wrong on a new one."""

    format: Literal[1] = 1
    unit: Unit
    version: str
    started_at: str
    minutes: float
    has_passed: bool
    remarks: tuple[Remark, ...]
    findings: Findings


class Signed(msgspec.Struct, frozen=True):
    """``report`` as it was written, key and signature in hex."""

    report: dict[str, Any]
    public_key: str
    signature: str


def write_signed(report: Report, key: Ed25519PrivateKey, path: Path) -> None:
    """Sign the report and keep it. Raises BurnInError if it cannot be written."""
    told: dict[str, Any] = msgspec.to_builtins(report)
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    signed = Signed(told, public.hex(), key.sign(_message(told)).hex())
    try:
        write_durably(path, msgspec.json.format(msgspec.json.encode(signed)) + b"\n", mode=0o644)
    except OSError as error:
        raise BurnInError(
            f"The report {path} cannot be written ({error.strerror}).",
            f"Le rapport {path} n’a pas pu être écrit ({error.strerror}).",
        ) from error


def read_signed(path: Path) -> Report:
    """The report in a file, once its signature is checked.

    Raises BurnInError if it cannot be read, was changed, or is of another unit than its key says.
    """
    try:
        with path.open("rb") as file:
            signed = msgspec.json.decode(file.read(_MAX_BYTES), type=Signed)
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(signed.public_key))
        signature = bytes.fromhex(signed.signature)
    except OSError as error:
        raise BurnInError(
            f"{path} cannot be read ({error.strerror}).",
            f"{path} ne peut pas être lu ({error.strerror}).",
        ) from error
    except ValueError as error:  # msgspec's errors and those of wrong text are among these
        raise _no_report(path) from error
    try:
        public.verify(signature, _message(signed.report))
    except InvalidSignature as error:
        raise BurnInError(
            f"{path} was changed after it was signed. Believe nothing in it; test the unit again.",
            f"{path} a été modifié après sa signature. N’en croyez rien et refaites l’essai.",
        ) from error
    try:
        report = msgspec.convert(signed.report, Report)
    except msgspec.ValidationError as error:
        raise _no_report(path) from error
    if report.unit.key != fingerprint(public):
        raise BurnInError(
            f"{path} speaks for one unit and is signed by another. Believe nothing in it.",
            f"{path} parle d’un boîtier et porte la signature d’un autre. N’en croyez rien.",
        )
    return report


def _message(told: dict[str, Any]) -> bytes:
    return _KIND + msgspec.json.encode(told, order="sorted")


def _no_report(path: Path) -> BurnInError:
    return BurnInError(
        f"{path} is no burn-in report of this version of Âtre.",
        f"{path} n’est pas un rapport d’essai de cette version d’Âtre.",
    )
