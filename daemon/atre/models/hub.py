# SPDX-License-Identifier: Apache-2.0
"""The door to the Hugging Face hub: names, digests, sign-in, and the bytes of a file.

huggingface_hub knows the hub's addresses, redirects, headers and refusals. The bytes are read here:
its own reader asks for 10 MB at a time, which is minutes on a weak line, and keeps no digest.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import msgspec
from huggingface_hub import get_hf_file_metadata, get_session, get_token, hf_hub_url
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
)

from atre import __version__
from atre.errors import ModelProblem, ModelStoreError

_TIMEOUT = httpx2.Timeout(30.0, connect=15.0)
_CHUNK_BYTES = 2**16
_SHA256 = re.compile("[0-9a-f]{64}")
_ADDRESS = re.compile(r"(?P<repo>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)/(?P<file>.+\.gguf)")
_PARTIAL_CONTENT, _OK, _TOO_MANY = 206, 200, 429


class HubFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the hub: ``repo`` is OWNER/REPOSITORY, ``file`` a path inside it."""

    repo: str
    file: str

    def __str__(self) -> str:
        return f"{self.repo}/{self.file}"


class RemoteFile(msgspec.Struct, frozen=True, kw_only=True):
    """What the hub says of a file at one commit, which the address names too."""

    url: str
    sha256: str
    size_bytes: int
    commit: str


class Interrupted(Exception):  # noqa: N818
    """The line was cut or the hub is busy: trying again may help, after ``retry_after_s``.

    ``french`` is the same message in French, the English one if it has none.
    """

    def __init__(self, message: str, french: str = "", *, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.french = french or message
        self.retry_after_s = retry_after_s


def parse_address(text: str) -> HubFile | None:
    """OWNER/REPOSITORY/FILE.gguf, None for anything else."""
    match = _ADDRESS.fullmatch(text)
    return HubFile(repo=match["repo"], file=match["file"]) if match else None


def look_up(file: HubFile, *, endpoint: str | None = None) -> RemoteFile:
    """Ask the hub for digest, size and commit. ``endpoint`` is HF_ENDPOINT's unless given.

    Raises ModelStoreError if there is no such file, it may not be had, the hub keeps no sha256 of
    it or cannot be reached.
    """
    try:
        metadata = get_hf_file_metadata(
            hf_hub_url(file.repo, file.file, endpoint=endpoint),
            library_name="atre",
            library_version=__version__,
            endpoint=endpoint,
        )
    except GatedRepoError as error:
        raise ModelStoreError(
            f"{file.repo} is only given to people who accepted its licence. Accept it on "
            f"https://huggingface.co/{file.repo}, then set HF_TOKEN to a token of your account.",
            f"{file.repo} n’est donné qu’à ceux qui ont accepté sa licence. Acceptez-la sur "
            f"https://huggingface.co/{file.repo}, puis mettez dans HF_TOKEN un jeton de votre "
            "compte.",
            problem=ModelProblem.GATED,
        ) from error
    except (RepositoryNotFoundError, RemoteEntryNotFoundError, HFValidationError) as error:
        raise ModelStoreError(
            f"The hub has no {file}. Check the spelling on its page; if it is private, set "
            "HF_TOKEN to a token of your account.",
            f"Le hub n’a pas de {file}. Vérifiez l’orthographe sur sa page\N{NO-BREAK SPACE}; "
            "s’il est privé, mettez dans HF_TOKEN un jeton de votre compte.",
            problem=ModelProblem.NOT_ON_HUB,
        ) from error
    except (HfHubHTTPError, httpx2.HTTPError, OSError) as error:
        raise _unreachable(error) from error
    digest, size_bytes = metadata.etag or "", metadata.size
    if not _SHA256.fullmatch(digest) or not size_bytes or not metadata.commit_hash:
        raise ModelStoreError(
            f"The hub gives no sha256 of {file}, so it cannot be checked. Download it yourself, "
            "and use `atre model import`.",
            f"Le hub ne donne pas le sha256 de {file}, qui ne peut donc pas être vérifié. "
            "Téléchargez-le vous-même, puis prenez `atre model import`.",
            problem=ModelProblem.HUB_REFUSED,
        )
    return RemoteFile(
        url=hf_hub_url(file.repo, file.file, revision=metadata.commit_hash, endpoint=endpoint),
        sha256=digest,
        size_bytes=size_bytes,
        commit=metadata.commit_hash,
    )


@contextmanager
def opened(remote: RemoteFile, *, start: int) -> Iterator[tuple[int, Iterator[bytes]]]:
    """The file's bytes from ``start`` on, with the position where they really start.

    A server that knows no ranges starts at 0. Raises Interrupted, also while the bytes are read,
    for what may pass, and ModelStoreError for what will not.
    """
    # Ranges of a compressed stream mean nothing.
    headers = {"User-Agent": f"atre/{__version__}", "Accept-Encoding": "identity"}
    if token := get_token():
        headers["Authorization"] = f"Bearer {token}"
    if start:
        headers["Range"] = f"bytes={start}-"
    try:
        with get_session().stream(
            "GET", remote.url, headers=headers, timeout=_TIMEOUT, follow_redirects=True
        ) as response:
            _check_status(response, remote)
            yield _position(response, start), response.iter_raw(_CHUNK_BYTES)
    except httpx2.TransportError as error:
        raise Interrupted(str(error) or type(error).__name__) from error


def _check_status(response: httpx2.Response, remote: RemoteFile) -> None:
    status = response.status_code
    if status in (_OK, _PARTIAL_CONTENT):
        return
    if status == _TOO_MANY or response.is_server_error:
        seconds = response.headers.get("Retry-After", "")
        raise Interrupted(
            f"the hub answered {status}",
            f"le hub a répondu {status}",
            retry_after_s=float(seconds) if seconds.isdecimal() else 0,
        )
    raise ModelStoreError(
        f"The hub refused {remote.url} with status {status}. What was fetched is kept; try again "
        "later.",
        f"Le hub a refusé {remote.url} avec le code {status}. Ce qui est déjà là est "
        "gardé\N{NO-BREAK SPACE}; réessayez plus tard.",
        problem=ModelProblem.HUB_REFUSED,
    )


def _position(response: httpx2.Response, start: int) -> int:
    if response.status_code != _PARTIAL_CONTENT:
        return 0
    said = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    if said is None or int(said[1]) != start:
        raise Interrupted(
            "the hub sent another part of the file than it was asked for",
            "le hub a envoyé une autre partie du fichier que celle qui était demandée",
        )
    return start


def _unreachable(error: Exception) -> ModelStoreError:
    return ModelStoreError(
        f"The hub cannot be reached ({error}). Check the internet connection and try again: what "
        "was fetched is kept. Without internet, use `atre model import` with a USB stick.",
        f"Le hub ne répond pas ({error}). Vérifiez la connexion à internet et "
        "réessayez\N{NO-BREAK SPACE}: ce qui est déjà là est gardé. Sans internet, prenez `atre "
        "model import` avec une clé USB.",
        problem=ModelProblem.OFFLINE,
    )
