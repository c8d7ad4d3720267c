# SPDX-License-Identifier: Apache-2.0
"""A repository whose key opens in a millisecond, so that hundreds of cuts take minutes.

restic makes guessing a password slow, a quarter of a second of processor at each opening. The same
master key under the same password with scrypt's least cost is a repository like any other
(https://restic.readthedocs.io/en/stable/100_references.html#keys-encryption-and-mac).
"""

import base64
import hashlib
import os
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.poly1305 import Poly1305

_COST = 16
_NONCE = _MAC = 16


def make_cheap(repository: Path, password: str) -> None:
    """Replace the only key of a repository by a cheap one for the same password."""
    (path,) = (repository / "keys").iterdir()
    file = msgspec.json.decode(path.read_bytes())
    master = _opened(base64.b64decode(file["data"]), _key(file, password))
    file |= {"N": _COST, "r": 1, "p": 1}
    file["data"] = base64.b64encode(_sealed(master, _key(file, password))).decode()
    data = msgspec.json.encode(file)
    path.with_name(hashlib.sha256(data).hexdigest()).write_bytes(data)
    path.unlink()


def _key(file: dict[str, object], password: str) -> bytes:
    cost, block, lanes = (int(str(file[name])) for name in "Nrp")
    return hashlib.scrypt(
        password.encode(),
        salt=base64.b64decode(str(file["salt"])),
        n=cost, r=block, p=lanes, maxmem=2**28, dklen=64,
    )  # fmt: skip


def _opened(data: bytes, key: bytes) -> bytes:
    nonce, inner = data[:_NONCE], data[_NONCE:-_MAC]
    Poly1305.verify_tag(_mac_key(nonce, key), inner, data[-_MAC:])
    return _crypted(inner, nonce, key)


def _sealed(text: bytes, key: bytes) -> bytes:
    nonce = os.urandom(_NONCE)
    inner = _crypted(text, nonce, key)
    return nonce + inner + Poly1305.generate_tag(_mac_key(nonce, key), inner)


def _crypted(data: bytes, nonce: bytes, key: bytes) -> bytes:
    stream = Cipher(algorithms.AES256(key[:32]), modes.CTR(nonce)).encryptor()
    return stream.update(data) + stream.finalize()


def _mac_key(nonce: bytes, key: bytes) -> bytes:
    block = Cipher(algorithms.AES128(key[32:48]), modes.ECB()).encryptor()  # noqa: S305 -- of one block
    return key[48:] + block.update(nonce) + block.finalize()
