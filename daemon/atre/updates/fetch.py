# SPDX-License-Identifier: Apache-2.0
"""Files of the web, fetched only because somebody asked, and gone on with where a line broke."""

import hashlib
import http.client
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from atre.errors import UpdateError, UpdateProblem
from atre.updates.channel import is_web_address
from atre.updates.release_rule import NBSP

_TIMEOUT_S = 30.0
_BLOCK_BYTES = 1 << 18
_MAX_TEXT_BYTES = 1 << 20
_RESERVE_BYTES = 64 << 20  # left free for the databases, whose next writes must not fail

OnBytes = Callable[[int, int], None]
_PARTIAL = 206


class CancelledError(Exception):
    """Somebody ended the job."""


def fetch_text(address: str) -> bytes:
    """A small file, whole. Raises UpdateError."""
    try:
        with _open(address) as answer:
            return bytes(answer.read(_MAX_TEXT_BYTES))
    except (OSError, http.client.HTTPException) as error:
        raise _unreachable(address, error) from error


def fetch_file(address: str, to: Path, *, size_bytes: int, sha256: str, on_bytes: OnBytes) -> None:
    """A file at ``to``, gone on with if a part of it is there already.

    ``size_bytes`` 0 and ``sha256`` "" are not known. ``on_bytes`` hears done and size, and may
    raise CancelledError: what was fetched stays for the next time. Raises UpdateError.
    """
    to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = to.with_name(f"{to.name}.part")
    try:
        _fetch(address, part, size_bytes, on_bytes)
    except (OSError, http.client.HTTPException) as error:
        raise _unreachable(address, error) from error
    if sha256 and _digest(part) != sha256:
        part.unlink()
        raise UpdateError(
            "What was fetched is not what the list says; it was thrown away. Try again.",
            f"Le fichier reçu n’est pas celui de la liste{NBSP}: il a été jeté. Réessayez.",
            problem=UpdateProblem.DAMAGED,
        )
    part.replace(to)


def check_room(folder: Path, wanted_bytes: int) -> None:
    """Raises UpdateError if that much does not fit beside the data."""
    free_bytes = shutil.disk_usage(folder).free
    if wanted_bytes + _RESERVE_BYTES > free_bytes:
        missing_mb = (wanted_bytes + _RESERVE_BYTES - free_bytes + 999_999) // 1_000_000
        raise UpdateError(
            f"The box's disk lacks {missing_mb} MB for the update. Remove a model or old files, "
            "or update from a stick.",
            f"Il manque {missing_mb}{NBSP}Mo sur le disque du boîtier pour la mise à jour. "
            "Supprimez un modèle ou de vieux fichiers, ou passez par une clé USB.",
            problem=UpdateProblem.NO_ROOM,
        )


def _fetch(address: str, part: Path, size_bytes: int, on_bytes: OnBytes) -> None:
    done = part.stat().st_size if part.exists() else 0
    if size_bytes and done >= size_bytes:
        return
    with _open(address, start=done) as answer:
        # A server that knows no ranges sends everything again.
        done = done if answer.status == _PARTIAL else 0
        size = size_bytes or done + int(answer.headers.get("Content-Length") or 0)
        check_room(part.parent, max(size - done, 0))
        with part.open("r+b" if done else "wb") as file:
            file.seek(done)
            while block := answer.read(_BLOCK_BYTES):
                file.write(block)
                done += len(block)
                on_bytes(done, size)
            file.flush()
            os.fsync(file.fileno())
    if done < size:
        raise OSError(f"the line broke after {done} of {size} bytes")


def _open(address: str, *, start: int = 0) -> http.client.HTTPResponse:
    if not is_web_address(address):
        raise UpdateError(
            f"{address[:200]} is no address of the web: it begins with https://.",
            f"{address[:200]} n’est pas une adresse web{NBSP}: elle commence par https://.",
            problem=UpdateProblem.NO_BUNDLE,
        )
    headers = {"Range": f"bytes={start}-"} if start else {}
    asked = urllib.request.Request(address, headers=headers)  # noqa: S310 -- checked above
    answer = urllib.request.urlopen(asked, timeout=_TIMEOUT_S)  # noqa: S310 -- likewise
    if not isinstance(answer, http.client.HTTPResponse):
        raise OSError("no answer of HTTP")
    return answer


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _unreachable(address: str, error: Exception) -> UpdateError:
    if isinstance(error, urllib.error.HTTPError):
        error.close()
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    return UpdateError(
        f"{address[:200]} cannot be had ({reason}). Look at the office's line and try again, or "
        "update from a stick.",
        f"{address[:200]} est injoignable ({reason}). Vérifiez la connexion du bureau et "
        "réessayez, ou passez par une clé USB.",
        problem=UpdateProblem.OFFLINE,
    )
