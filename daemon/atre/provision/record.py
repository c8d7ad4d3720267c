# SPDX-License-Identifier: Apache-2.0
"""What was provisioned, in ``state/provision.json``; whoever needs a part of it reads it there."""

import os
from pathlib import Path

import msgspec

from atre.provision.file import Provision
from atre.system.durable import write_durably

_FILE = "provision.json"
_PRELOADED = "preloaded"
_SYSTEM_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")


class Provisioned(msgspec.Struct, frozen=True, kw_only=True):
    """``sha256`` is the file's; ``is_signed`` by the key that the image names."""

    sha256: str
    is_signed: bool
    applied_at: float
    provision: Provision


def read(state_dir: Path) -> Provisioned | None:
    """None for a box that nobody provisioned."""
    try:
        return msgspec.json.decode((state_dir / _FILE).read_bytes(), type=Provisioned)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def write(state_dir: Path, provisioned: Provisioned) -> None:
    """Raises OSError."""
    write_durably(state_dir / _FILE, msgspec.json.encode(provisioned))


def ordered_model(state_dir: Path) -> str | None:
    """The model that the unit was to get."""
    provisioned = read(state_dir)
    model = provisioned.provision.model if provisioned else None
    return model.preload if model else None


def model_to_come(state_dir: Path) -> str | None:
    """The model that is to be fetched and used, until that was done once."""
    return None if (state_dir / _PRELOADED).exists() else ordered_model(state_dir)


def model_has_come(state_dir: Path) -> None:
    """Raises OSError."""
    write_durably(state_dir / _PRELOADED, b"")


def environment(
    state_dir: Path, runtime_dir: Path, system: Path = _SYSTEM_AUTHORITIES
) -> dict[str, str]:
    """What the box's processes are started with: its time zone, and whom it believes in TLS.

    Raises OSError.
    """
    provisioned = read(state_dir)
    if provisioned is None:
        return {}
    found = {}
    if zone := provisioned.provision.office.time_zone:
        found["TZ"] = zone
    if trust := provisioned.provision.trust:
        bundle = runtime_dir / "authorities.pem"
        own = system.read_text() if system.exists() else ""
        bundle.write_text(f"{own}\n{trust.ca}\n")
        found["SSL_CERT_FILE"] = os.fspath(bundle)
    return found
