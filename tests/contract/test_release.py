# SPDX-License-Identifier: Apache-2.0
"""A release from its description to what a box reads, with the real RAUC: bundle and list."""

import random
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from tests.contract.rauc_service import Keys, missing, run

from atre.updates.channel import Channel, read_listing
from atre.updates.installer import BundleFacts
from atre.updates.release_rule import candidate_of

RAUC = Path(__file__).parents[2] / "image-build" / "rauc"

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())


def manifest(version: str) -> str:
    return run(sys.executable, RAUC / "manifest.py", version)


def sections(text: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for line in text.splitlines():
        if line.startswith("["):
            found[line.strip("[]")] = last = {}
        elif line:
            key, _, value = line.partition("=")
            last[key] = value
    return found


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """Signed and verified, with images of noise in place of a system."""
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "manifest.raucm").write_text(manifest("0.2.0"))
    for name in ("boot.vfat", "root.img", "verity.img"):
        (tree / name).write_bytes(random.Random(name).randbytes(40_000))
    keys = Keys(tmp_path / "keys", "release")
    made = tmp_path / "atre-0.2.0.raucb"
    run("rauc", "bundle", f"--cert={keys.authority}", f"--key={keys.key}", tree, made)
    return made


def test_a_box_reads_from_the_manifest_what_the_release_says() -> None:
    found = sections(manifest("0.2.0"))
    assert found["bundle"] == {"format": "verity"}
    offered = candidate_of(
        BundleFacts(found["update"]["compatible"], found["update"]["version"], found["meta.atre"])
    )
    assert (offered.version, offered.channel) == ("0.2.0", "stable")
    assert offered.changes
    assert offered.made_at is not None


def test_only_the_authority_s_bundles_are_verified(bundle: Path, tmp_path: Path) -> None:
    stranger = Keys(tmp_path / "keys", "stranger")
    told = run("rauc", f"--keyring={tmp_path / 'keys' / 'release.crt'}", "info", bundle)
    assert "atre-x86-64" in told
    refused = subprocess.run(
        ["rauc", f"--keyring={stranger.authority}", "info", bundle],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert refused.returncode != 0
    assert "signature verification failed" in refused.stderr


def test_a_published_list_is_what_a_box_reads(bundle: Path, tmp_path: Path) -> None:
    version = run("rauc", "--version").split()[1]
    if tuple(map(int, version.split(".")[:2])) < (1, 10):
        pytest.skip(f"rauc {version} does not tell what a manifest says of itself")
    key = Ed25519PrivateKey.generate()
    private = tmp_path / "channel.pem"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = tmp_path / "channel.pub"
    public.write_bytes(
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    keyring = tmp_path / "keys" / "release.crt"
    run(
        sys.executable, RAUC / "publish.py", "--key", private, "--keyring", keyring,
        "--out", tmp_path / "site", bundle,
    )  # fmt: skip
    text = (tmp_path / "site" / "stable.json").read_bytes()
    signature = (tmp_path / "site" / "stable.json.sig").read_bytes()
    channel = Channel("stable", "https://updates.example/atre/stable.json")
    (entry,) = read_listing(text, signature, public, channel).entries
    assert entry.release.version == "0.2.0"
    assert entry.bundle == "https://updates.example/atre/atre-0.2.0.raucb"
    assert entry.size_bytes == bundle.stat().st_size
