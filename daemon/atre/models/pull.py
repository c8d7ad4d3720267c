# SPDX-License-Identifier: Apache-2.0
"""A model from the hub into the store."""

import datetime as dt
from collections.abc import Sequence
from pathlib import PurePosixPath

import msgspec

from atre.errors import ModelProblem, ModelStoreError
from atre.models.catalogue import Catalogue
from atre.models.disk import RESERVE_BYTES, require_room
from atre.models.download import Pace, Progress, download
from atre.models.examine import examine
from atre.models.hub import HubFile, RemoteFile, look_up, parse_address
from atre.models.lease import Lease
from atre.models.limit import require_within_limit
from atre.models.manifest import Manifest, StoredFile, name_of_file
from atre.models.split import part_of
from atre.models.store import Store
from atre.models.unfinished import fetched_bytes


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What to fetch: the files of one model in their order, and the name that it gets."""

    name: str
    files: tuple[HubFile, ...]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A request that the hub can answer, with sizes; ``done_bytes`` are here already."""

    request: Request
    remotes: tuple[RemoteFile, ...]
    size_bytes: int
    done_bytes: int


def request_for(text: str, catalogue: Catalogue) -> Request:
    """The request for an id of the catalogue, or for OWNER/REPOSITORY/FILE.gguf.

    Raises ModelStoreError for anything else.
    """
    address = parse_address(text)
    if address is None:
        model = catalogue.find(text)
        return Request(name=model.id, files=_files(model.repo, model.file))
    return Request(
        name=name_of_file(PurePosixPath(address.file).name),
        files=_files(address.repo, address.file),
    )


def _files(repo: str, file: str) -> tuple[HubFile, ...]:
    """The file, or all parts of the model that it is a part of."""
    path = PurePosixPath(file)
    part = part_of(path.name)
    names = [part.sibling(number + 1) for number in range(part.count)] if part else [path.name]
    return tuple(HubFile(repo=repo, file=str(path.with_name(each))) for each in names)


def find(store: Store, request: Request, *, endpoint: str | None = None) -> Found:
    """Ask the hub for every file of the request. Raises ModelStoreError."""
    if store.has(request.name):
        raise ModelStoreError(
            f"A model {request.name!r} is stored already. `atre model verify {request.name}` "
            "checks it; remove it first to fetch it again, or give this one another --name.",
            f"Un modèle {request.name!r} est déjà installé. `atre model verify {request.name}` le "
            "vérifie\N{NO-BREAK SPACE}; retirez-le d’abord pour le télécharger de nouveau, ou "
            "donnez un autre --name à celui-ci.",
            problem=ModelProblem.TAKEN,
        )
    remotes = tuple(look_up(file, endpoint=endpoint) for file in request.files)
    return Found(
        request=request,
        remotes=remotes,
        size_bytes=sum(remote.size_bytes for remote in remotes),
        done_bytes=sum(_done_bytes(store, remote) for remote in remotes),
    )


def pull(
    store: Store,
    found: Found,
    *,
    pace: Pace,
    reserve_bytes: int = RESERVE_BYTES,
    progress: Progress = lambda _: None,
) -> Manifest:
    """Fetch what is missing, check it and make it a stored model.

    What was fetched stays for the next try, whatever happens. Raises ModelStoreError like
    ``download``, and ModelLoadError if the file is no usable model.
    """
    with store.lease() as lease:
        missing_bytes = found.size_bytes - found.done_bytes
        require_room(store.root, missing_bytes, reserve_bytes=reserve_bytes)
        require_within_limit(store, missing_bytes)
        for file, remote in zip(found.request.files, found.remotes, strict=True):
            _bring(store, lease, file, remote, pace, progress)
        return _publish(store, found)


def _bring(
    store: Store, lease: Lease, file: HubFile, remote: RemoteFile, pace: Pace, progress: Progress
) -> None:
    stored = StoredFile(sha256=remote.sha256, size_bytes=remote.size_bytes)
    if not store.holds(lease, stored):
        path = download(file, remote, store.partial_dir, pace=pace, progress=progress)
        store.add(lease, stored, path)


def _publish(store: Store, found: Found) -> Manifest:
    files = tuple(
        StoredFile(sha256=remote.sha256, size_bytes=remote.size_bytes) for remote in found.remotes
    )
    facts = examine([store.blob(file.sha256) for file in files])
    manifest = Manifest(
        name=found.request.name,
        files=files,
        facts=facts,
        source=_source(found.request.files, found.remotes),
        added=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
    )
    store.publish(manifest)
    return manifest


def _source(files: Sequence[HubFile], remotes: Sequence[RemoteFile]) -> str:
    return f"hub:{files[0]}@{remotes[0].commit}"


def _done_bytes(store: Store, remote: RemoteFile) -> int:
    blob = store.blob(remote.sha256)
    if blob.is_file():
        return blob.stat().st_size
    return min(fetched_bytes(store.partial_dir, remote.sha256), remote.size_bytes)
