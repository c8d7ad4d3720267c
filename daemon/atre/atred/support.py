# SPDX-License-Identifier: Apache-2.0
"""What a helper needs to understand a box: the machine as detection sees it, versions, logs."""

import platform
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec
from msgspec.structs import replace

from atre import __version__
from atre.hardware.bundle import Contents, collect, write_bundle
from atre.hardware.redaction import Redaction, identifying_values

_LOGS = "logs"
_VERSIONS = "versions.json"
_PACKAGES = ("llama-cpp-python", "flask", "gunicorn", "msgspec", "cryptography", "zeroconf")


def support_contents(logs_dir: Path, root: Path = Path("/")) -> Contents:
    """Everything, without what identifies the machine, its owner or one of its parts."""
    recorded = collect(root)
    redaction = Redaction({*identifying_values(root), str(Path.home())}, "")
    logs = {f"{_LOGS}/{name}": text for name, text in _logs(logs_dir, redaction)}
    versions = msgspec.json.format(msgspec.json.encode(versions_here()))
    return replace(recorded, files=recorded.files | logs | {_VERSIONS: versions})


def support_archive(logs_dir: Path) -> bytes:
    """The same as a .tar.gz. Raises ConfigError where the temporary directory takes no file."""
    with tempfile.TemporaryDirectory() as directory:
        archive = Path(directory) / "support.tar.gz"
        write_bundle(support_contents(logs_dir), archive)
        return archive.read_bytes()


def versions_here() -> dict[str, str]:
    """The versions of what the box is made of, by name."""
    found = {
        "atre": __version__,
        "python": platform.python_version(),
        "kernel": f"{platform.system()} {platform.release()}",
    }
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def _logs(directory: Path, redaction: Redaction) -> list[tuple[str, bytes]]:
    found = []
    for path in sorted(directory.glob("*.log*")):
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # rotated away meanwhile
        found.append((path.name, redaction.text(text).encode()))
    return found
