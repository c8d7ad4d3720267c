# SPDX-License-Identifier: Apache-2.0
"""Nothing that two boxes would share is in an image, and what they make themselves differs."""

import datetime as dt
import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from atre.certificate import served
from atre.certificate.names import BoxNames
from atre.config import Config
from atre.discovery.host_name import load_box_id, load_host_label
from atre_web.accounts import passwords
from atre_web.accounts.door import open_door

SCRIPT = Path(__file__).parents[2] / "image-build" / "sealed.py"


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sealed", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


sealed = _load()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The root of an image as it should be."""
    for name, text in {
        "etc/machine-id": "uninitialized\n",
        "etc/hostname": "atre\n",
        "etc/shadow": "root:*:20000:0:99999:7:::\natre:!*:20000::::::\n",
        "root/.bashrc": "# Debian's\n",
        "var/log/dpkg.log": "",
        "usr/share/atre/provision-key.pem": "-----BEGIN PUBLIC KEY-----\nMCowBQ\n",
        "usr/lib/python3/words.py": 'KEY = "-----BEGIN PRIVATE KEY-----"\n',
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    for folder in ("var/lib/atre", "home", "etc/ssh", "var/lib/dbus"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "var/lib/dbus/machine-id").symlink_to("/etc/machine-id")
    return tmp_path


def test_an_image_as_it_should_be_is_sealed(root: Path) -> None:
    assert sealed.leaks(root) == []
    done = subprocess.run([sys.executable, SCRIPT, root], check=True, capture_output=True)
    assert done.stdout == b"sealed\n"


KEY = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIAbcdefghijklmnop\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("etc/machine-id", "0123456789abcdef0123456789abcdef\n"),
        ("etc/hostname", "builder-3\n"),
        ("etc/shadow", "root::20000:0:99999:7:::\n"),
        ("etc/shadow", "root:$6$salt$hash:20000:0:99999:7:::\n"),
        ("etc/ssh/ssh_host_ed25519_key", "x"),
        ("etc/ssl/private/ssl-cert-snakeoil.key", KEY),
        ("opt/atre/share/forgotten.pem", f"some words before\n{KEY}"),
        ("var/lib/atre/atre.db", "x"),
        ("var/lib/atre/run/claim-code", "7F3A-K2M9-PQ4T-6"),
        ("var/lib/systemd/random-seed", "x"),
        ("var/lib/chrony/drift", "1 2"),
        ("var/log/apt/term.log", "Log started"),
        ("usr/share/factory/var/log/apt/term.log", "Log started"),
        ("usr/share/factory/var/lib/atre/state/box-id", "7f3a0b1c"),
        ("usr/share/factory/var/lib/dbus/machine-id", "0123456789abcdef0123456789abcdef"),
        ("root/.bash_history", "ls"),
        ("home/builder/.profile", ""),
        ("etc/apt/sources.list.d/debian.sources", "URIs: x"),
        ("etc/apt/apt.conf.d/01proxy", "x"),
        ("var/lib/dhcp/dhclient.leases", "lease {}"),
    ],
)
def test_what_may_not_be_there_is_found(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)
    found = sealed.leaks(root)
    assert found
    assert all(name.startswith(leak.path) for leak in found)
    done = subprocess.run([sys.executable, SCRIPT, root], check=False, capture_output=True)
    assert done.returncode == 1


def test_another_folder_is_not_taken_for_an_image(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, SCRIPT, tmp_path], check=False, capture_output=True)
    assert done.returncode == 2


@pytest.fixture
def first_start(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], dict[str, str]]:
    """Starts a box on an empty data directory; returns what it calls its own, and each file."""
    monkeypatch.setattr(passwords, "_MEMORY_KIB", 64)
    monkeypatch.setattr(passwords, "_PASSES", 1)

    def start(data_dir: Path) -> dict[str, str]:
        config = Config(data_dir=data_dir, runtime_dir=data_dir / "run", profiles_dir=data_dir)
        config.runtime_dir.mkdir(parents=True)
        door = open_door(config, run_key=True)
        label = load_host_label(config.state_dir, load_box_id(config.state_dir))
        names = BoxNames(host_name=f"{label}.local", aliases=(), addresses=("192.0.2.1",))
        certificate = served.refresh(config.tls_dir, names, dt.datetime.now(dt.UTC))
        own = {
            "claim code": door.claim_code,
            "first key": door.first_key,
            "run key": door.run_key,
            "name": label,
            "certificate": certificate.sha256,
            "authority": certificate.authority_sha256,
        }
        assert all(own.values())
        return {
            str(path.relative_to(data_dir)): path.read_bytes().hex()
            for path in data_dir.rglob("*")
            if path.is_file() and path.stat().st_size
        } | {name: str(value) for name, value in own.items()}

    return start


def test_two_boxes_from_one_image_share_nothing(
    tmp_path: Path, first_start: Callable[[Path], dict[str, str]]
) -> None:
    one, other = first_start(tmp_path / "one"), first_start(tmp_path / "other")
    assert {"authority", "state/box-id", "state/host-name", "atre.db"} <= one.keys() & other.keys()
    assert not {name for name in one if one[name] == other.get(name)}
