# SPDX-License-Identifier: Apache-2.0
"""Everything of the Mac package that Linux can make: ``build.py --wheel atre-1.2.0-….whl``.

Writes ``atre-macos-VERSION.tar.gz``, to be unpacked on a Mac, where ``finish`` makes the ``.pkg``.
"""

import argparse
import gzip
import io
import plistlib
import re
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_ROOT = "Library/Application Support/Atre"
_JOBS = ("local.atre.box.plist", "local.atre.guard.plist")
_WHEEL = re.compile(r"atre-([0-9A-Za-z.+!]+)-py3-none-any\.whl")
# productbuild(1), Distribution Definition XML. Apple silicon alone: it is what has Metal that pays.
_DISTRIBUTION = """<?xml version="1.0" encoding="utf-8"?>
<installer-gui-script minSpecVersion="2">
    <title>Âtre {version}</title>
    <options customize="never" require-scripts="true" hostArchitectures="arm64"/>
    <domains enable_localSystem="true" enable_anywhere="false" enable_currentUserHome="false"/>
    <volume-check><allowed-os-versions><os-version min="14.0"/></allowed-os-versions></volume-check>
    <choices-outline><line choice="atre"/></choices-outline>
    <choice id="atre" title="Âtre"><pkg-ref id="local.atre"/></choice>
    <pkg-ref id="local.atre" version="{version}">atre-component.pkg</pkg-ref>
</installer-gui-script>
"""


def lay_out(wheel: Path, folder: Path) -> str:
    """Fill an empty folder with the tree; return the version. Raises ValueError."""
    found = _WHEEL.fullmatch(wheel.name)
    if not found:
        raise ValueError(
            f"{wheel.name} is no wheel of Âtre: build one with `pip wheel --no-deps .`"
        )
    version = found[1]
    for name in _JOBS:
        # A plist that does not parse would be found out by launchd alone, on the Mac.
        plistlib.loads((_HERE / "launchd" / name).read_bytes())
        _copy(_HERE / "launchd" / name, folder / "scripts" / name)
    for name in ("slots", "slots.py"):
        _copy(_HERE / "bin" / name, folder / "root" / _ROOT / "bin" / name)
    _copy(_HERE / "scripts" / "install", folder / "scripts" / "postinstall")
    (folder / "scripts" / "version").write_text(f"{version}\n")
    for name in ("finish", "uninstall"):
        _copy(_HERE / "scripts" / name, folder / name)
    _copy(wheel, folder / "wheel" / wheel.name)
    _copy(_HERE.parents[1] / ".ci" / "constraints.txt", folder / "constraints.txt")
    (folder / "distribution.xml").write_text(_DISTRIBUTION.format(version=version))
    return version


def pack(folder: Path, name: str) -> bytes:
    """The tree as a .tar.gz below ``name``; the same tree gives the same bytes."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path in sorted(folder.rglob("*")):
            tar.add(path, f"{name}/{path.relative_to(folder)}", recursive=False, filter=_plain)
    return gzip.compress(out.getvalue(), mtime=0)


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
    return entry


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


def main() -> None:
    """Write the archive."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--wheel", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path())
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        try:
            version = lay_out(asked.wheel, Path(directory))
        except (OSError, ValueError) as error:
            sys.exit(f"build: {error}")
        archive = asked.out / f"atre-macos-{version}.tar.gz"
        archive.write_bytes(pack(Path(directory), f"atre-macos-{version}"))
    print(archive)


if __name__ == "__main__":
    main()
