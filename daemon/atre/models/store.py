# SPDX-License-Identifier: Apache-2.0
"""Models on disk, by content: each file once under its digest, a manifest for each name.

::

    blobs/sha256-…      whole, checked files, read-only; several models may share one
    manifests/NAME.json  what makes a model exist: written after its blobs
    NAME.gguf            a link to the blob, for people and for llama.cpp
    partial/             what is being written; never read as a model
    leases/              one locked file for each pull or import that runs now

Nothing here trusts a clock: a box without a battery starts in 1970.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import msgspec

from atre.errors import ModelProblem, ModelStoreError
from atre.models.disk import write_failure
from atre.models.lease import LEASES, PARTIAL, Lease, lease_for, live_leases
from atre.models.manifest import FACTORY, Manifest, StoredFile
from atre.models.selection import read_selection
from atre.models.split import parts_of
from atre.sentence import Sentence
from atre.system.durable import write_durably

_PREFIX = "sha256-"
_NOT_STORED = Sentence("The model was not stored.", "Le modèle n’a pas été rangé.")


class Store:
    """The models of one data directory; safe for several processes at the same time."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def partial_dir(self) -> Path:
        return self.root / PARTIAL

    def names(self) -> list[str]:
        return sorted(path.stem for path in (self.root / "manifests").glob("*.json"))

    def manifests(self) -> list[Manifest]:
        """Every stored model, by name. Raises ModelStoreError for a manifest that is damaged."""
        return [self.manifest(name) for name in self.names()]

    def manifest(self, name: str) -> Manifest:
        """Raises ModelStoreError if there is no such model, or its manifest is damaged."""
        if name not in self.names():
            raise ModelStoreError(
                f"No model {name!r} is stored. `atre model list` shows those that are.",
                f"Aucun modèle {name!r} n’est installé. `atre model list` montre ceux qui le sont.",
                problem=ModelProblem.UNKNOWN,
            )
        path = self._manifest_path(name)
        try:
            return msgspec.json.decode(path.read_bytes(), type=Manifest)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ModelStoreError(
                f"{path} is damaged ({error}). Remove that file and import or pull the model "
                "again; no blob is thrown away until then.",
                f"{path} est abîmé ({error}). Retirez ce fichier, puis importez ou téléchargez le "
                "modèle de nouveau ; aucune donnée n’est jetée d’ici là.",
                problem=ModelProblem.DAMAGED,
            ) from error
        except OSError as error:
            raise ModelStoreError(
                f"{path} cannot be read ({error.strerror}).",
                f"{path} est illisible ({error.strerror}).",
                problem=ModelProblem.DISK_FAILED,
            ) from error

    def has(self, name: str) -> bool:
        return name in self.names()

    def path(self, name: str) -> Path:
        """The file to load: the first part of a model in several. Raises ModelStoreError."""
        manifest = self.manifest(name)
        with self._locked():
            self._link(manifest)
        return self.root / manifest.link_names()[0]

    def blob(self, sha256: str) -> Path:
        return self.root / "blobs" / f"{_PREFIX}{sha256}"

    def blobs(self, manifest: Manifest) -> list[Path]:
        return [self.blob(file.sha256) for file in manifest.files]

    @contextmanager
    def lease(self) -> Iterator[Lease]:
        """What a pull or an import writes stays, from its first blob to its manifest."""
        with ExitStack() as stack:
            with self._locked():
                lease = stack.enter_context(lease_for(self.root))
            yield lease

    def holds(self, lease: Lease, file: StoredFile) -> bool:
        """Whether the blob is there already; then it stays as long as the lease."""
        with self._locked():
            blob = self.blob(file.sha256)
            if not blob.is_file() or blob.stat().st_size != file.size_bytes:
                return False
            lease.keep(file.sha256)
            return True

    def add(self, lease: Lease, file: StoredFile, written: Path) -> None:
        """Take a whole file, fsynced by its writer and checked, from ``partial/``.

        It replaces a blob of the same digest, which may have rotted, unless a box has that open.
        Raises ModelStoreError.
        """
        with self._locked():
            lease.keep(file.sha256)
            blob = self.blob(file.sha256)
            blob.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                written.chmod(0o400)
                if _is_in_use(blob):
                    written.unlink()
                else:
                    written.replace(blob)
                _sync(blob.parent)
            except OSError as error:
                raise write_failure(error, kept=_NOT_STORED) from error

    def publish(self, manifest: Manifest) -> None:
        """Make the model exist, all at once. Raises ModelStoreError if a file of it is missing."""
        with self._locked():
            missing = [blob for blob in self.blobs(manifest) if not blob.is_file()]
            if missing:
                raise ModelStoreError(
                    f"{missing[0]} is missing; import or pull the model again.",
                    f"{missing[0]} manque\N{NO-BREAK SPACE}; importez ou téléchargez le modèle de "
                    "nouveau.",
                    problem=ModelProblem.DAMAGED,
                )
            self._check_links(manifest)
            text = msgspec.json.format(msgspec.json.encode(manifest))
            try:
                write_durably(self._manifest_path(manifest.name), text)
            except OSError as error:
                raise write_failure(error, kept=_NOT_STORED) from error
            self._link(manifest)

    def remove(self, name: str) -> int:
        """Forget a model and free what nothing else needs; how many bytes that gave.

        Raises ModelStoreError if it is in use, chosen, or the base of an adapter.
        """
        manifest = self.manifest(name)
        with self._locked():
            self._check_removable(manifest)
            # In this order a link never stands for a model that does not exist.
            for link in manifest.link_names():
                (self.root / link).unlink(missing_ok=True)
            self._manifest_path(name).unlink()
            _sync(self.root / "manifests")
        return self.collect_garbage()

    def _check_removable(self, manifest: Manifest) -> None:
        name = manifest.name
        if name in self._chosen_names():
            raise ModelStoreError(
                f"{name} is what the box answers with. Choose another first: "
                f"`atre model use NAME`, or `atre model use {FACTORY}`.",
                f"{name} est le modèle qui répond. Choisissez-en d’abord un "
                f"autre\N{NO-BREAK SPACE}: `atre model use NOM`, ou `atre model use {FACTORY}`.",
                problem=ModelProblem.IN_USE,
            )
        if any(_is_in_use(blob) for blob in self.blobs(manifest)):
            raise ModelStoreError(
                f"{name} is loaded by a running box. Stop the box first.",
                f"{name} est chargé par un boîtier en marche. Arrêtez d’abord le boîtier.",
                problem=ModelProblem.IN_USE,
            )
        adapters = [each.name for each in self.manifests() if each.base == name]
        if adapters:
            raise ModelStoreError(
                f"{', '.join(adapters)} belongs to {name}. Remove that first: "
                f"`atre model remove {adapters[0]}`.",
                f"{', '.join(adapters)} va avec {name}. Retirez-le d’abord\N{NO-BREAK SPACE}: "
                f"`atre model remove {adapters[0]}`.",
                problem=ModelProblem.NEEDED,
            )

    def collect_garbage(self) -> int:
        """Remove blobs that no model, running box, pull or import needs; how many bytes it gave.

        Does nothing while a manifest is damaged: what it names would be lost with it. Partial
        downloads stay, to be resumed; ``partial/`` loses only what a dead import left.
        """
        with self._locked():
            live = live_leases(self.root)
            needed = {file.sha256 for each in self.manifests() for file in each.files}
            needed |= {digest for lease in live.values() for digest in lease}
            freed_bytes = 0
            for blob in (self.root / "blobs").glob(f"{_PREFIX}*"):
                if blob.name.removeprefix(_PREFIX) not in needed and not _is_in_use(blob):
                    freed_bytes += blob.stat().st_size
                    blob.unlink()
            for copy in self.partial_dir.glob("lease-*"):
                if copy.name.partition(".")[0] not in live:
                    freed_bytes += copy.stat().st_size
                    copy.unlink()
            self._drop_dangling_links()
            return freed_bytes

    def chosen(self) -> str | None:
        """The selection that ``atre model use`` made, None for the factory model."""
        try:
            return (self.root / "chosen").read_text("utf-8").strip() or None
        except (OSError, UnicodeDecodeError):
            return None

    def choose(self, name: str) -> None:
        """What the box answers with from its next start on. Raises ModelStoreError."""
        if name != FACTORY:
            self.check_can_answer(name)
        write_durably(self.root / "chosen", b"" if name == FACTORY else name.encode())

    def check_can_answer(self, name: str) -> None:
        """Raises ModelStoreError unless ``name`` selects a stored model and adapters for it."""
        selection = read_selection(name)
        if selection.model == FACTORY:
            raise ModelStoreError(
                "The factory model takes no adapters. Name the stored model that they are for.",
                "Le modèle d’usine ne prend pas d’adaptateur. Nommez le modèle installé auquel ils "
                "sont destinés.",
            )
        manifest = self.manifest(selection.model)
        if manifest.facts.kind == "adapter":
            raise ModelStoreError(
                f"{selection.model} is an adapter, which cannot answer by itself. Choose its base "
                f"model with it: `atre model use {manifest.base} --adapter {selection.model}`.",
                f"{selection.model} est un adaptateur, qui ne répond pas seul. Choisissez avec lui "
                f"son modèle : `atre model use {manifest.base} --adapter {selection.model}`.",
                problem=ModelProblem.ADAPTER_ONLY,
            )
        for adapter in selection.adapters:
            self._check_belongs(adapter.name, selection.model)
        if len(selection.names) <= len(selection.adapters):
            raise ModelStoreError(
                f"{name} names an adapter twice. Give it one scale.",
                f"{name} nomme deux fois un adaptateur. Donnez-lui un seul facteur.",
            )

    def _check_belongs(self, adapter: str, base: str) -> None:
        manifest = self.manifest(adapter)
        if manifest.facts.kind != "adapter":
            raise ModelStoreError(
                f"{adapter} is a whole model, not an adapter. Use it by itself.",
                f"{adapter} est un modèle entier, pas un adaptateur. Utilisez-le seul.",
            )
        if manifest.base != base:
            raise ModelStoreError(
                f"{adapter} is an adapter for {manifest.base}, not for {base}. Use it with "
                f"{manifest.base}, or import it again under another name with --base {base}.",
                f"{adapter} est un adaptateur pour {manifest.base}, et non pour {base}. "
                f"Utilisez-le avec {manifest.base}, ou importez-le de nouveau sous un autre nom "
                f"avec --base {base}.",
            )

    def _chosen_names(self) -> set[str]:
        chosen = self.chosen() or FACTORY
        try:
            return read_selection(chosen).names
        except ModelStoreError:  # written by hand, and no model has such a name
            return {chosen}

    def _manifest_path(self, name: str) -> Path:
        return self.root / "manifests" / f"{name}.json"

    def _check_links(self, manifest: Manifest) -> None:
        for name in manifest.link_names():
            link = self.root / name
            if link.exists() and not link.is_symlink():
                raise ModelStoreError(
                    f"{link} is a file that nobody imported. Import it under another name, or move "
                    "it away.",
                    f"{link} est un fichier que personne n’a importé. Importez-le sous un autre "
                    "nom, ou mettez-le ailleurs.",
                    problem=ModelProblem.TAKEN,
                )

    def _link(self, manifest: Manifest) -> None:
        """Make the links that a power cut may have left out."""
        self._check_links(manifest)
        for file, name in zip(manifest.files, manifest.link_names(), strict=True):
            target = Path("blobs") / f"{_PREFIX}{file.sha256}"
            link = self.root / name
            if link.is_symlink() and link.readlink() == target:
                continue
            made = self.root / f".{name}.link"
            made.unlink(missing_ok=True)
            made.symlink_to(target)
            made.replace(link)
        _sync(self.root)

    def _drop_dangling_links(self) -> None:
        for link in self.root.glob("*.gguf"):
            if link.is_symlink() and not link.exists():
                link.unlink()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Only one process at a time changes which files there are; never held while copying."""
        try:
            for name in ("blobs", "manifests", PARTIAL, LEASES):
                (self.root / name).mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = (self.root / "lock").open("w")
        except OSError as error:
            raise ModelStoreError(
                f"{self.root} cannot be written ({error.strerror}). Check its permissions, or "
                "choose another place with --data-dir.",
                f"{self.root} n’est pas inscriptible ({error.strerror}). Vérifiez ses "
                "permissions, ou choisissez un autre endroit avec --data-dir.",
                problem=ModelProblem.DISK_FAILED,
            ) from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


@contextmanager
def held_in_use(path: Path) -> Iterator[None]:
    """While this lasts no ``remove`` and no garbage collection takes the model's file away.

    The kernel ends it with the process, however that ends (flock(2)). Of a model in parts every
    part is held. Raises OSError if the file cannot be opened.
    """
    with ExitStack() as stack:
        for part in parts_of(path):
            file: IO[bytes] = stack.enter_context(part.open("rb"))
            fcntl.flock(file, fcntl.LOCK_SH)
        yield


def _is_in_use(blob: Path) -> bool:
    try:
        with blob.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
