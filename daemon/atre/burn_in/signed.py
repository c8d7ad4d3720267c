# SPDX-License-Identifier: Apache-2.0
"""What a unit says of itself, signed, so that nobody can change it on the way.

The signature is over the content as JSON with sorted keys and without blanks, after a line that
names its kind: a file that was only laid out anew still holds. Anybody can make a key and sign with
it, so a signature tells which unit speaks only to those who know the fingerprint of its key.
"""

from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from atre.burn_in.unit import fingerprint
from atre.errors import BurnInError
from atre.sentence import Sentence
from atre.system.durable import write_durably

MAX_BYTES = 2**20

Told = TypeVar("Told", bound=msgspec.Struct)


class Kind(NamedTuple):
    """The line that is signed before the content, and what a person calls it."""

    line: bytes
    name: Sentence


class Signed(msgspec.Struct, frozen=True):
    """``report`` as it was written, key and signature in hex."""

    report: dict[str, Any]
    public_key: str
    signature: str


def write(told: msgspec.Struct, kind: Kind, key: Ed25519PrivateKey, path: Path) -> None:
    """Sign it and keep it. Raises BurnInError if it cannot be written."""
    content: dict[str, Any] = msgspec.to_builtins(told)
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    signed = Signed(content, public.hex(), key.sign(_message(kind, content)).hex())
    try:
        write_durably(path, msgspec.json.format(msgspec.json.encode(signed)) + b"\n", mode=0o644)
    except OSError as error:
        raise BurnInError(
            f"The {kind.name.text} {path} cannot be written ({error.strerror}).",
            f"Le {kind.name.text_fr} {path} n’a pas pu être écrit ({error.strerror}).",
        ) from error


def read(path: Path, kind: Kind, as_type: type[Told]) -> tuple[Told, str]:
    """The content, once its signature is checked, and the fingerprint of the key.

    Raises BurnInError if it cannot be read, is of another kind, or was changed.
    """
    try:
        with path.open("rb") as file:
            signed = msgspec.json.decode(file.read(MAX_BYTES), type=Signed)
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(signed.public_key))
        signature = bytes.fromhex(signed.signature)
    except OSError as error:
        raise BurnInError(
            f"{path} cannot be read ({error.strerror}).",
            f"{path} ne peut pas être lu ({error.strerror}).",
        ) from error
    except ValueError as error:  # msgspec's errors and those of wrong text are among these
        raise _another(path, kind) from error
    try:
        public.verify(signature, _message(kind, signed.report))
    except InvalidSignature as error:
        raise BurnInError(
            f"{path} was changed after it was signed. Believe nothing in it; test the unit again.",
            f"{path} a été modifié après sa signature. N’en croyez rien et refaites l’essai.",
        ) from error
    try:
        return msgspec.convert(signed.report, as_type), fingerprint(public)
    except msgspec.ValidationError as error:
        raise _another(path, kind) from error


def of_another_unit(path: Path) -> BurnInError:
    """For a file whose content names another key than signed it."""
    return BurnInError(
        f"{path} speaks for one unit and is signed by another. Believe nothing in it.",
        f"{path} parle d’un boîtier et porte la signature d’un autre. N’en croyez rien.",
    )


def _message(kind: Kind, content: dict[str, Any]) -> bytes:
    return kind.line + msgspec.json.encode(content, order="sorted")


def _another(path: Path, kind: Kind) -> BurnInError:
    return BurnInError(
        f"{path} is no {kind.name.text} of this version of Âtre.",
        f"{path} n’est pas un {kind.name.text_fr} de cette version d’Âtre.",
    )
