# SPDX-License-Identifier: Apache-2.0
"""Which files of ``tls/`` other processes read."""

from pathlib import Path


def authority_file(tls_dir: Path) -> Path:
    """The certificate of the box's authority, PEM; everybody may have it."""
    return tls_dir / "ca.crt"


def served_file(tls_dir: Path) -> Path:
    """Key, leaf and issuers that the listener serves: one file, so that they change together."""
    return tls_dir / "served.pem"


def names_file(tls_dir: Path) -> Path:
    """What the box is called: a JSON list of host names and addresses."""
    return tls_dir / "names.json"
