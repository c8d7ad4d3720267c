# SPDX-License-Identifier: Apache-2.0
"""A folder of models that somebody vouches for: ``models.json`` and an Ed25519 signature of it.

``models.json`` is ``{"files": {"NAME.gguf": "its sha256"}}``. ``models.json.sig`` holds the 64
bytes of the signature of that file, as ``openssl pkeyutl -sign -rawin`` writes them.
"""

import hashlib
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from atre.errors import ModelStoreError
from atre.models.manifest import Sha256

_NAME = "models.json"
_MAX_BYTES = 2**20


class _Listing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    files: dict[str, Sha256]


class SignedListing(msgspec.Struct, frozen=True):
    """Digests by file name; ``signer`` is the sha256 of the key that signed them."""

    files: dict[str, str]
    signer: str


def read_signed_listing(folder: Path, key_file: Path) -> SignedListing:
    """What ``folder/models.json`` says, once its signature by the key in ``key_file`` is checked.

    Raises ModelStoreError if a file is missing or malformed, or the signature is not the key's.
    """
    key = _public_key(key_file)
    text, signature = _read(folder / _NAME), _read(folder / f"{_NAME}.sig")
    try:
        key.verify(signature, text)
    except InvalidSignature as error:
        raise ModelStoreError(
            f"{folder / _NAME} was changed, or signed with another key than {key_file}. Nothing "
            "was imported; get the folder again from who signed it.",
            f"{folder / _NAME} a été modifié, ou signé avec une autre clé que {key_file}. Rien "
            "n’a été importé\N{NO-BREAK SPACE}; redemandez le dossier à qui l’a signé.",
        ) from error
    try:
        listing = msgspec.json.decode(text, type=_Listing)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelStoreError(
            f"{folder / _NAME} is not a list of files: {error}.",
            f"{folder / _NAME} n’est pas une liste de fichiers\N{NO-BREAK SPACE}: {error}.",
        ) from error
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return SignedListing(listing.files, hashlib.sha256(raw).hexdigest())


def _public_key(file: Path) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(_read(file))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ModelStoreError(
            f"{file} is no public key in PEM.",
            f"{file} n’est pas une clé publique en PEM.",
        ) from error
    if not isinstance(key, Ed25519PublicKey):
        raise ModelStoreError(
            f"{file} is no Ed25519 key, which signed models need.",
            f"{file} n’est pas une clé Ed25519, qu’il faut pour des modèles signés.",
        )
    return key


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(_MAX_BYTES)
    except OSError as error:
        raise ModelStoreError(
            f"{file} cannot be read ({error.strerror}), so nothing vouches for the models there.",
            f"{file} est illisible ({error.strerror}), et rien ne répond donc des modèles qui "
            "sont là.",
        ) from error
