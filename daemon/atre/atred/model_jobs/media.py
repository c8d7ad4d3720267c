# SPDX-License-Identifier: Apache-2.0
"""Where models may be imported from: plugged-in media, and a folder of the box's own data.

Nothing else: who may import could otherwise ask, file by file, what else is on the box.
"""

import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from atre.errors import ModelProblem, ModelStoreError
from atre.ipc.model_messages import ImportableModel
from atre.models.import_files import Candidate, candidates
from atre.models.split import part_of

IMPORT_FOLDER = "import"

# Where systems mount what people plug in (udisks2; the file hierarchy standard, 3.11 and 3.12).
_MEDIA_PLACES = ("/media/", "/run/media/", "/mnt/")
_MACOS_MEDIA = Path("/Volumes")
# Not a disk that somebody plugged in, wherever it is mounted.
_PSEUDO = frozenset({"autofs", "cgroup2", "devtmpfs", "overlay", "proc", "squashfs", "sysfs"})
_MAX_DEPTH = 3
_MAX_FOLDERS = 500  # a stick full of pictures is not read to its end
_ESCAPED = re.compile(r"\\([0-7]{3})")


def import_roots(data_dir: Path) -> list[Path]:
    """The folders that exist now and may be imported from."""
    roots = [data_dir / IMPORT_FOLDER, *_mounted()]
    return [root for root in roots if root.is_dir()]


def mounted_media(mountinfo: str) -> list[Path]:
    """The places of plugged-in media in a text like /proc/self/mountinfo (proc(5))."""
    found = []
    for line in mountinfo.splitlines():
        before, separator, after = line.partition(" - ")
        fields, kinds = before.split(), after.split()
        if not separator or len(fields) < 5 or not kinds or kinds[0] in _PSEUDO:  # noqa: PLR2004
            continue
        place = _ESCAPED.sub(lambda match: chr(int(match[1], 8)), fields[4])
        if f"{place}/".startswith(_MEDIA_PLACES):
            found.append(Path(place))
    return found


def check_source(path: str, roots: Sequence[Path]) -> Candidate:
    """The one model at a path, every file of it inside ``roots`` once links are followed.

    Raises ModelStoreError for a path elsewhere, for none, and for a folder of several models.
    """
    try:
        source = Path(path).resolve(strict=True)
    except (OSError, ValueError, RuntimeError) as error:  # gone, with a NUL, or links in a circle
        raise ModelStoreError(
            f"{path!r} is not there. Plug the medium in again, and look at the list of what can be "
            "imported.",
            f"{path!r} n’est pas là. Rebranchez le support, et regardez la liste de ce qui peut "
            "être importé.",
            problem=ModelProblem.PATH_UNKNOWN,
        ) from error
    _check_inside(source, roots)
    found = candidates(source)
    if len(found) > 1:
        raise ModelStoreError(
            f"{path!r} holds {len(found)} models. Import them one by one.",
            f"{path!r} contient {len(found)} modèles. Importez-les un par un.",
            problem=ModelProblem.PATH_UNKNOWN,
        )
    for file in found[0].files:
        _check_inside(file.resolve(), roots)
    return found[0]


def importable(roots: Sequence[Path]) -> list[ImportableModel]:
    """The models in the folders, each by its first file."""
    return [
        ImportableModel(
            path=str(candidate.files[0]),
            name=candidate.name,
            size_bytes=size_bytes,
            place=str(root),
        )
        for root in roots
        for candidate in _models_below(root)
        if (size_bytes := _size_bytes(candidate)) > 0
    ]


def _mounted() -> list[Path]:
    if sys.platform == "darwin":
        return sorted(path for path in _MACOS_MEDIA.glob("*") if not path.is_symlink())
    try:
        return mounted_media(Path("/proc/self/mountinfo").read_text("utf-8", "replace"))
    except OSError:
        return []


def _check_inside(path: Path, roots: Sequence[Path]) -> None:
    if not any(path.is_relative_to(root.resolve()) for root in roots):
        raise ModelStoreError(
            f"{str(path)!r} is neither on a plugged-in medium nor in the box's import folder. Copy "
            "the model there.",
            f"{str(path)!r} n’est ni sur un support branché ni dans le dossier d’importation du "
            "boîtier. Copiez-y le modèle.",
            problem=ModelProblem.OUTSIDE,
        )


def _models_below(root: Path) -> Iterator[Candidate]:
    for number, (folder, below, names) in enumerate(os.walk(root)):
        depth = len(Path(folder).relative_to(root).parts)
        hidden_or_deep = depth >= _MAX_DEPTH or number >= _MAX_FOLDERS
        below[:] = [] if hidden_or_deep else sorted(n for n in below if not n.startswith("."))
        for name in sorted(names):
            if name.startswith(".") or not name.endswith(".gguf"):
                continue
            part = part_of(name)
            if part is not None and part.number > 1:
                continue
            try:
                yield from candidates(Path(folder) / name)
            except ModelStoreError:  # parts are missing
                continue
        if number >= _MAX_FOLDERS:
            return


def _size_bytes(candidate: Candidate) -> int:
    try:
        return candidate.size_bytes()
    except OSError:
        return 0
