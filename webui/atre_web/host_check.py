# SPDX-License-Identifier: Apache-2.0
"""Refuses requests for somebody else's name: the defence against DNS rebinding.

A page of another site can have its own name resolve to the box's address, and is then of one origin
with the box for the browser. The Host header still carries that name.
"""

import ipaddress
import re
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path

import msgspec
from flask import Flask, Response, jsonify, request
from werkzeug.wrappers import Response as BaseResponse

from atre_web.audience import wants_page
from atre_web.panel import error_page

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^][:@/\s]+)(:\d{1,5})?", re.IGNORECASE)
_MESSAGE = (
    "This box does not go by the name in the address. Use a name or an address from its status "
    "page; `atre serve --alias NAME` gives it another name."
)


def install(app: Flask, names_file: Path) -> None:
    """Let ``app`` answer only to its own names. Call it first: its check must come first."""
    names = OwnNames(names_file)

    def check() -> BaseResponse | None:
        host = request.environ.get("HTTP_HOST")
        # HTTP/1.0 programs may leave it out; no browser does.
        if host is None or names.include(host, _connected_to()):
            return None
        return _refusal()

    app.before_request(check)


class OwnNames:
    """The names in a file that ``atred`` keeps up to date."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def include(self, host: str, connected_to: str | None) -> bool:
        """Whether a Host header (RFC 9110 §7.2) means this box.

        ``connected_to`` is the address at which the request came in.
        """
        name = host_of(host)
        if name is None:
            return False
        if name == "localhost" or _is_loopback(name):
            return True
        return (connected_to is not None and name == _plain(connected_to)) or name in self._known()

    def _known(self) -> frozenset[str]:
        try:
            return _read(self._path, self._path.stat().st_mtime_ns)
        except OSError:
            return frozenset()


def host_of(header: str) -> str | None:
    """The name or address in a Host header, as ``names.json`` writes it; None for nonsense."""
    found = _HOST.fullmatch(header)
    return _plain(found[1].strip("[]").lower().removesuffix(".")) if found else None


def _plain(name: str) -> str:
    """One spelling for each address: ``::ffff:10.0.0.1`` is 10.0.0.1, ``fd00:0::1`` fd00::1."""
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return name
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


@lru_cache(maxsize=4)
def _read(path: Path, _changed_ns: int) -> frozenset[str]:
    """The file's names; once for each version of it."""
    try:
        return frozenset(msgspec.json.decode(path.read_bytes(), type=list[str]))
    except msgspec.DecodeError:
        return frozenset()


def _connected_to() -> str | None:
    connection = request.environ.get("gunicorn.socket")
    return connection.getsockname()[0] if connection is not None else None


def _refusal() -> BaseResponse:
    if wants_page(request):
        return error_page.failed(HTTPStatus.MISDIRECTED_REQUEST)
    response: Response = jsonify(
        error={
            "message": _MESSAGE,
            "type": "invalid_request_error",
            "param": None,
            "code": "wrong_host",
        }
    )
    response.status_code = HTTPStatus.MISDIRECTED_REQUEST
    return response
