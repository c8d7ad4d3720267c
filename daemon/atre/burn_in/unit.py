# SPDX-License-Identifier: Apache-2.0
"""Who a unit is: its maker's number, and a key of its own that signs what it says of itself."""

import hashlib
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from atre.choices.unit_file import FOLDER, adopted
from atre.errors import BurnInError
from atre.hardware.dmi import FILLERS, read_product
from atre.hardware.tree import Tree
from atre.system.durable import write_durably

_KEY = "unit.key"
_SERIALS = ("sys/class/dmi/id/product_serial", "sys/firmware/devicetree/base/serial-number")


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """``serial`` is empty where nobody tells it; ``key`` is the fingerprint of its key, in hex."""

    serial: str
    product: str
    key: str


def unit(data_dir: Path, serial: str = "", root: Path = Path("/")) -> Unit:
    """This unit; ``serial`` counts before the reseller's file, that before the firmware's word.

    Raises BurnInError.
    """
    tree = Tree(root)
    given = adopted(data_dir)
    product = read_product(tree)
    return Unit(
        serial=serial or (given.serial if given else serial_number(tree)),
        product=" ".join(filter(None, (product.vendor, product.name))),
        key=fingerprint(unit_key(data_dir).public_key()),
    )


def serial_number(tree: Tree) -> str:
    """The maker's number, which only root may read; empty where there is none."""
    numbers = (tree.text(path) or "" for path in _SERIALS)
    return next((each for each in numbers if each and each.lower() not in FILLERS), "")


def unit_key(data_dir: Path) -> Ed25519PrivateKey:
    """The unit's own key, made when it is first wanted. Raises BurnInError."""
    path = data_dir / FOLDER / _KEY
    try:
        if not path.exists():
            made = Ed25519PrivateKey.generate()
            pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            write_durably(path, pem)
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError) as error:
        raise BurnInError(
            f"The unit's key {path} cannot be used ({error}). Remove it: another one is made.",
            f"La clé du boîtier {path} est inutilisable ({error}). Supprimez-la\N{NO-BREAK SPACE}: "
            "une autre est faite.",
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise BurnInError(
            f"{path} is no Ed25519 key. Remove it: another one is made.",
            f"{path} n’est pas une clé Ed25519. Supprimez-la\N{NO-BREAK SPACE}: une autre est "
            "faite.",
        )
    return key


def fingerprint(key: Ed25519PublicKey) -> str:
    """SHA-256 of the raw key, in hex."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()
