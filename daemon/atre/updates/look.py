# SPDX-License-Identifier: Apache-2.0
"""Looking at a source: what it offers, and whether this box may have it."""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from atre.errors import AtreError, MediaError, UpdateError, UpdateProblem
from atre.ipc.update_messages import SourceKind, UpdateSource
from atre.ipc.update_replies import Release
from atre.updates.channel import KEY_FILE, Channel, fetch_address, read_listing
from atre.updates.fetch import OnBytes, fetch_file, fetch_text
from atre.updates.installer import Installer
from atre.updates.release_rule import NBSP, Candidate, Here, candidate_of, next_release
from atre.updates.version import version_key

_FETCHED = "fetched.raucb"

Folders = Callable[[], AbstractContextManager[list[Path]]]


@dataclass(frozen=True, slots=True)
class Found:
    """A release, and how to come by its bundle; ``size_bytes`` 0 is not known."""

    candidate: Candidate
    size_bytes: int
    address: str = ""
    sha256: str = ""
    bundle: Path | None = None

    def release(self) -> Release:
        """What people see of it."""
        return Release(
            version=self.candidate.version,
            channel=self.candidate.channel,
            made_at=self.candidate.made_at,
            size_bytes=self.size_bytes,
            changes=list(self.candidate.changes),
            is_security=self.candidate.is_security,
        )


class Sources:
    """Where bundles come from; ``folder`` holds what was fetched."""

    def __init__(
        self,
        folder: Path,
        installer: Installer,
        channel: Channel,
        sticks: Folders,
        *,
        key_file: Path = KEY_FILE,
    ) -> None:
        self._folder = folder
        self._installer = installer
        self._sticks = sticks
        self._key_file = key_file
        self.channel = channel

    @contextlib.contextmanager
    def look(self, source: UpdateSource, here: Here, on_bytes: OnBytes) -> Iterator[Found | None]:
        """What is there, None if nothing newer; a stick stays readable inside the block.

        An address is fetched to be looked at: only its signature tells what it is. Raises
        UpdateError.
        """
        match source.kind:
            case SourceKind.CHANNEL:
                yield self._of_channel(here)
            case SourceKind.FILE:
                yield self._of_file(Path(source.location))
            case SourceKind.URL:
                yield self._of_address(source.location, on_bytes)
            case SourceKind.USB:
                with self._stick_folders(source.location) as folders:
                    yield self._newest(folders)

    def fetch(self, found: Found, on_bytes: OnBytes) -> Path:
        """The bundle, on a disk. Raises UpdateError."""
        if found.bundle is not None:
            return found.bundle
        to = self._folder / _FETCHED
        fetch_file(
            found.address,
            to,
            size_bytes=found.size_bytes,
            sha256=found.sha256,
            on_bytes=on_bytes,
        )
        return to

    def tidy(self) -> None:
        """Remove what was fetched; it was installed, or another is. Raises OSError."""
        for path in self._folder.glob(f"{_FETCHED}*"):
            path.unlink(missing_ok=True)

    def _of_channel(self, here: Here) -> Found | None:
        address = fetch_address(self.channel)
        text, signature = fetch_text(address), fetch_text(f"{address}.sig")
        listing = read_listing(text, signature, self._key_file, self.channel)
        chosen = next_release([each.release for each in listing.entries], here)
        if chosen is None:
            return None
        entry = listing.entry(chosen)
        return Found(chosen, entry.size_bytes, entry.bundle, entry.sha256)

    def _of_address(self, address: str, on_bytes: OnBytes) -> Found:
        self.tidy()
        to = self._folder / _FETCHED
        fetch_file(address, to, size_bytes=0, sha256="", on_bytes=on_bytes)
        return self._of_file(to)

    def _of_file(self, bundle: Path) -> Found:
        facts = self._installer.inspect(bundle)
        return Found(candidate_of(facts), bundle.stat().st_size, bundle=bundle)

    def _newest(self, folders: list[Path]) -> Found:
        """The newest bundle that can be read; else why the first one cannot."""
        found: list[Found] = []
        refused: list[AtreError] = []
        for bundle in _bundles(folders):
            try:
                found.append(self._of_file(bundle))
                version_key(found[-1].candidate.version)
            except UpdateError as error:
                refused.append(error)
            except ValueError:
                found.pop()
        if found:
            return max(found, key=lambda each: version_key(each.candidate.version))
        if refused:
            raise refused[0]
        raise UpdateError(
            "No update lies on a stick. Copy the file that ends in .raucb to its top folder, and "
            "plug it in; format it as FAT32 or exFAT.",
            "Aucune mise à jour sur une clé USB. Copiez le fichier qui finit par .raucb à sa "
            f"racine, puis branchez-la{NBSP}; formatez-la en FAT32 ou exFAT.",
            problem=UpdateProblem.NO_BUNDLE,
        )

    @contextlib.contextmanager
    def _stick_folders(self, location: str) -> Iterator[list[Path]]:
        if location:
            yield [Path(location)]
            return
        try:
            with self._sticks() as folders:
                yield folders
        except MediaError as error:
            raise UpdateError(str(error), error.french, problem=UpdateProblem.NO_BUNDLE) from error


def _bundles(folders: list[Path]) -> Iterator[Path]:
    for folder in folders:
        for where in (folder, folder / "atre"):
            with contextlib.suppress(OSError):
                # What a Mac leaves beside a file begins with a dot.
                yield from sorted(
                    each for each in where.glob("*.raucb") if not each.name.startswith(".")
                )
