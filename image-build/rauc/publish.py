# SPDX-License-Identifier: Apache-2.0
"""Write a channel's list and its signature: ``publish.py --key KEY.pem --out FOLDER BUNDLE…``.

KEY.pem is the channel's Ed25519 key (``openssl genpkey -algorithm ed25519``), which is not the
release authority's. The bundles go beside the list, on any web server that knows ranges. What the
list says of a bundle is read from the bundle, whose signature is checked against ``--keyring``.
"""

import argparse
import hashlib
import json
import subprocess
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key


def entry(bundle: Path, keyring: Path) -> dict:
    """What the list says of a bundle, as ``daemon/atre/updates/channel.py`` reads it."""
    told = subprocess.run(
        ["rauc", f"--keyring={keyring}", "info", "--output-format=json-2", bundle],  # noqa: S607
        check=True,
        capture_output=True,
    )
    facts = json.loads(told.stdout)
    meta = facts["meta"]["atre"]
    pairs = zip(meta["changes-en"].split("|"), meta["changes-fr"].split("|"), strict=True)
    with bundle.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "release": {
            "version": facts["update"]["version"],
            "channel": meta["channel"],
            "compatible": facts["update"]["compatible"],
            "minimum_version": meta["minimum-version"],
            "made_at": float(meta["made-at"]),
            "changes": [{"text": english, "text_fr": french} for english, french in pairs],
            "is_security": meta["security"] == "yes",
        },
        "bundle": bundle.name,
        "size_bytes": bundle.stat().st_size,
        "sha256": sha256,
    }


def publish(entries: list[dict], key: Ed25519PrivateKey, folder: Path) -> None:
    """Write ``CHANNEL.json`` and ``CHANNEL.json.sig``."""
    (channel,) = {each["release"]["channel"] for each in entries}
    text = json.dumps({"channel": channel, "releases": entries}, ensure_ascii=False).encode()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{channel}.json").write_bytes(text)
    (folder / f"{channel}.json.sig").write_bytes(key.sign(text))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--key", type=Path, required=True)
    options.add_argument("--keyring", type=Path, required=True)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("bundles", type=Path, nargs="+")
    asked = options.parse_args()
    key = load_pem_private_key(asked.key.read_bytes(), None)
    if not isinstance(key, Ed25519PrivateKey):
        raise SystemExit(f"{asked.key} is no Ed25519 key: openssl genpkey -algorithm ed25519")
    publish([entry(bundle, asked.keyring) for bundle in asked.bundles], key, asked.out)


if __name__ == "__main__":
    main()
