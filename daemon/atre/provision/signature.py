# SPDX-License-Identifier: Apache-2.0
"""Who may provision this box: whoever has the key that its image names, or anybody where none is.

The key file holds an Ed25519 public key in PEM (RFC 8410); a signature is its 64 bytes over the
whole file, as ``openssl pkeyutl -sign -rawin`` writes them.
"""

from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from atre.errors import ConfigError

PINNED_KEY = Path("/usr/share/atre/provision-key.pem")


def check(data: bytes, signature: bytes | None, key_file: Path = PINNED_KEY) -> bool:
    """Whether the file is signed by the pinned key; True where no key is pinned is never said.

    Raises ConfigError for a wrong signature, and for none where a key is pinned.
    """
    key = _key(key_file)
    if key is None:
        return False
    if signature is None:
        raise ConfigError(
            "This box takes only a signed atre-provision.toml: put atre-provision.toml.sig beside "
            "it.",
            "Ce boîtier n’accepte qu’un atre-provision.toml signé : mettez "
            "atre-provision.toml.sig à côté.",
        )
    try:
        key.verify(signature, data)
    except InvalidSignature as error:
        raise ConfigError(
            "atre-provision.toml.sig does not fit: the file was changed after it was signed, or "
            "signed with another key.",
            "atre-provision.toml.sig ne correspond pas : le fichier a été modifié après sa "
            "signature, ou signé avec une autre clé.",
        ) from error
    return True


def _key(key_file: Path) -> Ed25519PublicKey | None:
    try:
        pem = key_file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(key_file) from error
    try:
        key = load_pem_public_key(pem)
    except ValueError as error:
        raise _unusable(key_file) from error
    # A key that cannot be used must not mean that anybody may.
    if not isinstance(key, Ed25519PublicKey):
        raise _unusable(key_file)
    return key


def _unusable(key_file: Path) -> ConfigError:
    return ConfigError(
        f"{key_file} is no Ed25519 public key in PEM: nothing can be provisioned.",
        f"{key_file} n’est pas une clé publique Ed25519 en PEM : rien ne peut être préparé.",
    )
