# SPDX-License-Identifier: Apache-2.0
"""Print the manifest of a bundle: ``manifest.py VERSION [release.toml]``. Needs Python alone."""

import os
import sys
import time
import tomllib
from pathlib import Path

# Of image-build/architectures; build.sh sets it.
COMPATIBLE = f"atre-{os.environ.get('ATRE_MACHINE', 'x86-64')}"
_IMAGES = {"boot": "boot.vfat", "root": "root.img", "verity": "verity.img"}


def manifest(version: str, release: dict, made_at: int) -> str:
    """The text; ``daemon/atre/updates/release_rule.py`` reads its ``[meta.atre]``."""
    changes = release.get("changes", [])
    points = {
        language: "|".join(each[language].replace("|", "/").strip() for each in changes)
        for language in ("en", "fr")
    }
    meta = {
        "channel": release["channel"],
        "minimum-version": release["minimum_version"],
        "made-at": str(made_at),
        "security": "yes" if release.get("security") else "no",
        "changes-en": points["en"],
        "changes-fr": points["fr"],
    }
    sections = {
        "update": {"compatible": COMPATIBLE, "version": version},
        "bundle": {"format": "verity"},
        "meta.atre": meta,
        **{f"image.{name}": {"filename": file} for name, file in _IMAGES.items()},
    }
    return "\n".join(
        f"[{name}]\n" + "".join(f"{key}={value}\n" for key, value in values.items())
        for name, values in sections.items()
    )


def main() -> None:
    version, *more = sys.argv[1:]
    file = Path(more[0]) if more else Path(__file__).with_name("release.toml")
    print(manifest(version, tomllib.loads(file.read_text()), int(time.time())))


if __name__ == "__main__":
    main()
