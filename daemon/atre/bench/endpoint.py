# SPDX-License-Identifier: Apache-2.0
import ipaddress
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from atre.errors import BenchmarkError

_DEFAULT_PORTS = {"http": 80, "https": 443}
_DEFAULT_PATH = "/v1"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an OpenAI-compatible API is. ``path`` is what its routes begin with."""

    host: str
    port: int
    path: str
    tls: ssl.SSLContext | None

    @property
    def authority(self) -> str:
        """What the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.authority}{self.path}"

    @property
    def is_this_machine(self) -> bool:
        """Whether the server shares its memory with us: every address of it is loopback."""
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except OSError:
            return False
        return all(ipaddress.ip_address(address[0]).is_loopback for *_, address in found)


def parse_endpoint(url: str, *, ca: Path | None = None) -> Endpoint:
    """The endpoint that ``url`` names; without a path, the API is taken to be under ``/v1``.

    ``ca`` is a PEM file that is trusted instead of the system's. Raises BenchmarkError.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BenchmarkError(f"{url!r} is no URL ({error}). {_EXAMPLE}") from error
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise BenchmarkError(f"{url!r} is no HTTP URL. {_EXAMPLE}")
    return Endpoint(
        host=parts.hostname,
        port=port or _DEFAULT_PORTS[parts.scheme],
        path=parts.path.rstrip("/") or _DEFAULT_PATH,
        tls=_context(ca) if parts.scheme == "https" else None,
    )


_EXAMPLE = "Give the API's address, such as http://127.0.0.1:8765/v1."


def _context(ca: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        raise BenchmarkError(
            f"{ca} is no file of certificates in PEM ({error}). Take ca.crt from the box's "
            "status page."
        ) from error
