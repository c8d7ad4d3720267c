# SPDX-License-Identifier: Apache-2.0
"""What a unit wrote of its burn-in and its sealing, laid out for the stick that ordered them.

A box that is somebody's lays nothing out. Neither file holds a secret.
"""

import contextlib
from pathlib import Path

from atre.choices.unit_file import CERTIFICATE, FOLDER, REPORT, adopted
from atre.provision.bench import has_owner
from atre.stick.names import OUTGOING, TAKEN

PLACE = Path("/run/atre-stick")


def lay_out(data_dir: Path, place: Path = PLACE) -> bool:
    """Have the writer take what there is of them; whether there is anything, and a writer."""
    given = adopted(data_dir)
    if given is None or has_owner(data_dir) or not place.is_dir():
        return False
    there = [path for name in (REPORT, CERTIFICATE) if (path := data_dir / FOLDER / name).exists()]
    with contextlib.suppress(OSError):
        (place / TAKEN).unlink(missing_ok=True)
        for path in there:
            # Sticks and units get mixed up: the file's name says whose it is.
            name = f"{given.serial}-{path.name}{OUTGOING}"
            made = place / f".{name}"
            made.write_bytes(path.read_bytes())
            made.chmod(0o644)  # the writer is root without the right to read everything
            made.replace(place / name)
        return bool(there)
    return False


def was_taken(place: Path = PLACE) -> bool:
    """Whether a stick took it since it was last laid out."""
    return (place / TAKEN).exists()
