# SPDX-License-Identifier: Apache-2.0
"""A recording of this machine that can be sent to strangers, and read by ``atre detect --root``."""

import errno
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import msgspec
from msgspec.structs import replace

from atre.errors import ConfigError
from atre.hardware.ask import ask
from atre.hardware.detect import has_nvidia_driver, read_linux
from atre.hardware.devices import DeviceReport, ask_devices
from atre.hardware.machine import Access, Issue
from atre.hardware.macos import read_macos
from atre.hardware.nvml import NvmlReport, ask_nvml
from atre.hardware.recording import DEVICES, FAILURES, NVML, Recording, Run
from atre.hardware.redaction import Redaction, identifying_values
from atre.hardware.tree import MAX_FILE_BYTES, Tree

_ARCHIVES = (".tar.gz", ".tgz", ".tar")
_MAX_ENTRIES = 50_000  # a large server has a few thousand
_DEV = "dev"  # its presence says that device files were looked for


class Contents(msgspec.Struct, frozen=True):
    """What a bundle holds, by path: contents of files, targets of links, names of folders."""

    files: dict[str, bytes]
    links: dict[str, str]
    folders: frozenset[str]


class _RecordingTree(Tree):
    """A tree that remembers whatever was read from it."""

    def __init__(self, root: Path, failures: dict[str, int]) -> None:
        super().__init__(root, failures)
        self.files: dict[str, bytes] = {}
        self.links: dict[str, str] = {}
        self.folders: set[str] = set()
        self.errors: dict[str, int] = {}

    def names(self, path: str) -> list[str] | None:
        names = super().names(path)
        if names is not None:
            self.folders |= {path, *(f"{path}/{name}" for name in names)}
        return names

    def link_name(self, path: str) -> str | None:
        name = super().link_name(path)
        if name is not None:
            self.links[path] = name
        return name

    def access(self, path: str) -> Access | None:
        access = super().access(path)
        if access is not None:
            self.folders.add(_DEV)
        if access is Access.OPEN:
            self.files[path] = b""
        elif access is Access.FORBIDDEN:
            self.errors[path] = errno.EACCES
        return access

    def _content(self, path: str) -> bytes | None:
        content = super()._content(path)
        if content is not None:
            self.files[path] = content
        return content

    def _report_error(self, path: str, error: OSError) -> None:
        if error.errno not in {None, errno.ENOENT, errno.ENOTDIR}:
            self.errors[path] = error.errno or 0
        super()._report_error(path, error)


def collect(
    root: Path = Path("/"),
    *,
    platform: str = sys.platform,
    devices: Callable[[], DeviceReport] = ask_devices,
    nvml: Callable[[], NvmlReport] = ask_nvml,
    run: Run = ask,
) -> Contents:
    """Everything that detection reads of the machine, or recording, at ``root``; redacted."""
    recording = None if root == Path("/") else Recording(root)
    tree = _RecordingTree(root, recording.failures() if recording else {})
    answers: dict[str, bytes] = {}
    recorded_run = recording.macos_commands() if recording else None
    if recorded_run or (recording is None and platform == "darwin"):
        read_macos(_remembering(recorded_run or run, answers))
        has_cards = False
    else:
        has_cards = has_nvidia_driver(read_linux(tree))
    redaction = Redaction(
        identifying_values(root), tree.files.get("proc/self/cgroup", b"").decode("utf-8", "replace")
    )
    reports: dict[str, DeviceReport | NvmlReport | None] = {
        DEVICES: recording.devices() if recording else devices(),
        NVML: recording.nvml() if recording else (nvml() if has_cards else None),
    }
    files = {
        redaction.path(path): redaction.content(path, content)
        for path, content in (tree.files | answers).items()
    }
    for name, report in reports.items():
        if report is not None:
            text = msgspec.json.format(msgspec.json.encode(report)).decode()
            files[name] = redaction.text(text).encode()
    if tree.errors:
        errors = {redaction.path(path): code for path, code in tree.errors.items()}
        files[FAILURES] = msgspec.json.format(msgspec.json.encode(errors))
    return Contents(
        files=files,
        links={redaction.path(path): target for path, target in tree.links.items()},
        folders=frozenset(map(redaction.path, tree.folders)),
    )


def _remembering(run: Run, answers: dict[str, bytes]) -> Run:
    def remember(command: tuple[str, ...], time_limit_s: float) -> bytes | Issue:
        answer = run(command, time_limit_s)
        if isinstance(answer, bytes):
            answers[f"{Path(command[0]).name}.txt"] = answer
        return answer

    return remember


def write_bundle(contents: Contents, target: Path) -> None:
    """Write a .tar.gz, .tgz or .tar, or else a folder, which must be new or empty.

    Raises ConfigError if it cannot be written there.
    """
    try:
        if not target.name.endswith(_ARCHIVES):
            target.mkdir(parents=True, exist_ok=True)
            if any(target.iterdir()):
                raise ConfigError(
                    f"{target} is a folder that is not empty; name another one.",
                    f"{target} est un dossier qui n’est pas vide\N{NO-BREAK SPACE}; nommez-en un "
                    "autre.",
                )
            _write_folder(contents, target)
            return
        mode = "w" if target.suffix == ".tar" else "w:gz"
        with tempfile.TemporaryDirectory() as directory:
            _write_folder(contents, Path(directory))
            with tarfile.open(target, mode) as archive:  # type: ignore[call-overload]
                archive.add(directory, arcname=".", filter=_anonymous)
    except OSError as error:
        raise ConfigError(
            f"{target} cannot be written ({error.strerror}). Choose another place.",
            f"{target} ne peut pas être écrit ({error.strerror}). Choisissez un autre endroit.",
        ) from error


def unpack_bundle(archive: Path, folder: Path) -> None:
    """Unpack what ``write_bundle`` wrote; of anything else in the archive nothing is written.

    Raises ConfigError for what is no bundle.
    """
    # The filters of tarfile, which would do this, are younger than Debian 12's Python.
    contents = Contents({}, {}, frozenset())
    try:
        with tarfile.open(archive) as opened:
            for number, entry in enumerate(opened):
                if number >= _MAX_ENTRIES or entry.size > MAX_FILE_BYTES:
                    raise ConfigError(
                        f"{archive} is too large for a bundle of `atre doctor`.",
                        f"{archive} est trop gros pour un relevé de `atre doctor`.",
                    )
                contents = _with_entry(contents, opened, entry)
        _write_folder(contents, folder)
    except (OSError, tarfile.TarError, EOFError, zlib.error) as error:
        raise ConfigError(
            f"{archive} is neither a folder nor a bundle of `atre doctor`: {error}.",
            f"{archive} n’est ni un dossier ni un relevé de `atre doctor`\N{NO-BREAK SPACE}: "
            f"{error}.",
        ) from error


def _with_entry(contents: Contents, opened: tarfile.TarFile, entry: tarfile.TarInfo) -> Contents:
    path = PurePosixPath(entry.name)
    if path.is_absolute() or ".." in path.parts:
        raise tarfile.TarError(f"{entry.name!r} leads out of it")
    if entry.isfile():
        file = opened.extractfile(entry)
        contents.files[str(path)] = file.read() if file else b""
    elif entry.issym():
        # Only the last part is ever read, so a link need lead nowhere.
        contents.links[str(path)] = PurePosixPath(entry.linkname).name
    elif entry.isdir():
        return replace(contents, folders=contents.folders | {str(path)})
    return contents


def _write_folder(contents: Contents, folder: Path) -> None:
    for path, content in contents.files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    for path, target in contents.links.items():
        link = folder / path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)
    for path in contents.folders:
        place = folder / path
        if not place.exists() and not place.is_symlink():
            place.mkdir(parents=True)


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without owner and time, which tell who made it and when; readable by whoever unpacks it."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime = 0
    entry.mode = 0o755 if entry.isdir() else 0o644
    return entry
