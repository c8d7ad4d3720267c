# SPDX-License-Identifier: Apache-2.0
"""Takes a provision file over, once. Cut at any moment, the same call again ends the same."""

import hashlib
import logging
import os
import time
from pathlib import Path

from atre.choices.unit_file import adopt
from atre.errors import ConfigError
from atre.network import record as network_record
from atre.network.link import NetworkdLink
from atre.network.settings import network_file
from atre.provision import bench, record, signature
from atre.provision.file import Provision, read
from atre.provision.record import Provisioned
from atre.system.boot_id import boot_id

_log = logging.getLogger(__name__)

# systemd.exec(5), LoadCredential=; the names are those of systemd/appliance's unit.
_CREDENTIALS = "CREDENTIALS_DIRECTORY"
_CREDENTIAL, _SIGNATURE = "atre.provision", "atre.provision.sig"


def credentials() -> tuple[bytes, bytes | None] | None:
    """File and signature that came by systemd's credentials, None if none did. Raises OSError."""
    folder = os.environ.get(_CREDENTIALS)
    if not folder or not (Path(folder) / _CREDENTIAL).exists():
        return None
    signed = Path(folder) / _SIGNATURE
    return (Path(folder) / _CREDENTIAL).read_bytes(), (
        signed.read_bytes() if signed.exists() else None
    )


def apply_files(
    data_dir: Path,
    data: bytes,
    signed: bytes | None,
    *,
    key_file: Path = signature.PINNED_KEY,
    link: NetworkdLink | None = None,
) -> bool:
    """Apply a file; whether that changed anything, which the same file does not.

    Raises ConfigError for a file that is wrong or not signed as it must be, for another one on a
    box that has an owner, and if the disk does not take it.
    """
    is_signed = signature.check(data, signed, key_file)
    found = read(data)
    state_dir = data_dir / "state"
    digest = hashlib.sha256(data).hexdigest()
    before = record.read(state_dir)
    if before is not None and before.sha256 == digest:
        return False
    if bench.has_owner(data_dir):
        raise ConfigError(
            "This box has an owner already: its managers change it in the panel. A factory reset "
            "makes it ready for another file.",
            "Ce boîtier a déjà un propriétaire : ses gestionnaires le règlent dans le panneau. Une "
            "remise à zéro le prépare pour un autre fichier.",
        )
    try:
        if found.unit is not None:
            adopt(data_dir, found.unit)
        _set_network(state_dir, found, link or NetworkdLink())
        if found.bench is not None:
            bench.give(data_dir, found.bench, boot_id())
        # Last: whatever is cut before is done again.
        provisioned = Provisioned(
            sha256=digest, is_signed=is_signed, applied_at=time.time(), provision=found
        )
        record.write(state_dir, provisioned)
    except OSError as error:
        raise ConfigError(
            f"atre-provision.toml cannot be kept ({error}). Check the disk and start again.",
            f"atre-provision.toml ne peut pas être gardé ({error}). Vérifiez le disque et "
            "redémarrez.",
        ) from error
    return True


def _set_network(state_dir: Path, found: Provision, link: NetworkdLink) -> None:
    if found.network is None:
        return
    network_record.write(state_dir, network_record.Record(confirmed=found.network))
    if link.is_ours():
        link.put(network_file(found.network))
