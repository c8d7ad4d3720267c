# SPDX-License-Identifier: Apache-2.0
"""Whether the root of an image is sealed: it holds nothing that two boxes would share.

``python sealed.py ROOT`` prints what must not be there, one finding a line, and exits with 1 if
there is any. Keys, names and logs are made by the box at its first start.
"""

import os
import re
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

# Of a file, this much is searched for keys; a PEM key is at its beginning or soon after.
_READ_BYTES = 256 * 1024
_PRIVATE_KEY = re.compile(rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{16}")
# A machine id that systemd makes at the first start (machine-id(5)).
_NO_ID = {"", "uninitialized"}
_PLAIN_NAMES = {"", "localhost", "atre"}

_MAY_NOT_BE = {
    "var/lib/atre/*": "data of a box",
    "var/lib/private/atre/*": "data of a box",
    "etc/ssh/ssh_host_*": "a host key of SSH",
    "etc/ssl/private/*": "a private key",
    "var/lib/systemd/random-seed": "a seed of random numbers",
    "boot/loader/random-seed": "a seed of random numbers",
    "efi/loader/random-seed": "a seed of random numbers",
    "var/lib/systemd/credential.secret": "the key of systemd's credentials",
    "var/lib/systemd/network/*": "addresses of a machine",
    "var/lib/dhcp/*": "leases of a machine",
    "var/lib/chrony/*": "a clock's drift",
    "etc/udev/rules.d/70-persistent-*": "network ports of a machine",
    "root/.*": "something of whoever built it",
    "home/*": "somebody's home",
    "etc/apt/sources.list": "the builder's package archive",
    "etc/apt/sources.list.d/*": "the builder's package archive",
    "etc/apt/auth.conf": "the builder's password for a package archive",
    "etc/apt/auth.conf.d/*": "the builder's password for a package archive",
    "etc/apt/apt.conf.d/*proxy*": "the builder's proxy",
    "etc/pip.conf": "the builder's package archive",
}
# Debian's own, the same in every installation.
_PLAIN_HOME = {"root/.bashrc", "root/.profile"}


# Where the image keeps what the office's partition is filled with at the first start.
_FIRST_FILLING = "usr/share/factory"


class Leak(NamedTuple):
    """A file below the root, and why it may not be there."""

    path: str
    why: str


def leaks(root: Path) -> list[Leak]:
    """Everything that may not be in the image, in the order of the paths."""
    found = {*_named(root), *_identities(root), *_logs(root), *_passwords(root), *_keys(root)}
    return sorted(found)


def _named(root: Path) -> Iterator[Leak]:
    for pattern, why in _MAY_NOT_BE.items():
        for path in [*root.glob(pattern), *root.glob(f"{_FIRST_FILLING}/{pattern}")]:
            name = str(path.relative_to(root))
            if name not in _PLAIN_HOME:
                yield Leak(name, why)


def _identities(root: Path) -> Iterator[Leak]:
    dbus = "var/lib/dbus/machine-id"
    for name in ("etc/machine-id", dbus, f"{_FIRST_FILLING}/{dbus}"):
        path = root / name
        # As a link it leads to the other one, in the image or on the box.
        if not path.is_symlink() and _text(path).strip() not in _NO_ID:
            yield Leak(name, "a machine id")
    if _text(root / "etc/hostname").strip() not in _PLAIN_NAMES:
        yield Leak("etc/hostname", "the name of a machine")


def _logs(root: Path) -> Iterator[Leak]:
    for path in [*_files(root / "var/log"), *_files(root / _FIRST_FILLING / "var/log")]:
        if path.lstat().st_size:
            yield Leak(str(path.relative_to(root)), "a log")


def _passwords(root: Path) -> Iterator[Leak]:
    for line in _text(root / "etc/shadow").splitlines():
        user, _, rest = line.partition(":")
        if not rest.startswith(("*", "!")):
            yield Leak("etc/shadow", f"{user} can log in with a password, or without one")


def _keys(root: Path) -> Iterator[Leak]:
    for path in _files(root):
        with path.open("rb") as file:
            if _PRIVATE_KEY.search(file.read(_READ_BYTES)):
                yield Leak(str(path.relative_to(root)), "a private key")


def _files(folder: Path) -> Iterator[Path]:
    """Plain files below, without following links out of the image."""
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent) / name
            if stat.S_ISREG(path.lstat().st_mode):
                yield path


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""


def main() -> int:
    root = Path(sys.argv[1])
    if not (root / "etc").is_dir():
        print(f"{root} is not the root of a system: it has no etc.", file=sys.stderr)
        return 2
    found = leaks(root)
    for leak in found:
        print(f"{leak.path}: {leak.why}")
    if not found:
        print("sealed")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
