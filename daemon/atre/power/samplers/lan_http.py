# SPDX-License-Identifier: Apache-2.0
"""One HTTP request to a device of the local network, and to nothing else.

No proxy, no redirects, a bounded reply, and one deadline for all of it: a device that sends a byte
now and then is as good as one that does not answer.
"""

import hashlib
import ipaddress
import re
import secrets
import socket
import time
from collections.abc import Callable
from http.client import HTTPException, parse_headers
from io import BytesIO
from urllib.request import parse_http_list, parse_keqv_list

import msgspec

_MAX_REPLY_BYTES = 65536  # a status is 1 kB
_PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
_LINK_LOCAL = ("169.254.0.0/16", "fe80::/10")
_NETWORKS = tuple(ipaddress.ip_network(network) for network in (*_PRIVATE, *_LINK_LOCAL))
_LENGTH = re.compile(rb"\r\nContent-Length:\s*(\d{1,9})\r?$", re.IGNORECASE | re.MULTILINE)
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3})[ \r]")


class DeviceError(Exception):
    """The device did not answer as it should; the message, and ``french``, say how."""

    def __init__(self, message: str, french: str) -> None:
        super().__init__(message)
        self.french = french


class Reply(msgspec.Struct, frozen=True):
    """What the device answered; ``challenge`` is its WWW-Authenticate header."""

    status: int
    body: bytes
    challenge: str = ""


class Device(msgspec.Struct, frozen=True):
    """Where a device listens; ``host`` is an address or a name of the local network."""

    host: str
    port: int = 80


def is_local(address: str) -> bool:
    """Whether an IP address is a private or link-local one."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return any((mapped or ip) in network for network in _NETWORKS)


def get(
    device: Device,
    target: str,
    *,
    authorization: str = "",
    timeout_s: float = 3.0,
    is_allowed: Callable[[str], bool] = is_local,
) -> Reply:
    """The reply to a GET of ``target``. Raises DeviceError."""
    deadline_s = time.monotonic() + timeout_s
    lines = [f"GET {target} HTTP/1.0", f"Host: {device.host}", "Connection: close"]
    if authorization:
        lines.append(f"Authorization: {authorization}")
    try:
        with _connect(device, deadline_s, is_allowed) as connection:
            connection.sendall("\r\n".join([*lines, "", ""]).encode())
            return _parsed(_receive(connection, deadline_s))
    except TimeoutError as error:
        raise DeviceError(
            f"no whole answer within {timeout_s:g} s",
            f"pas de réponse complète en {timeout_s:g} s",
        ) from error
    except (OSError, UnicodeError) as error:
        words = getattr(error, "strerror", None) or str(error)
        raise DeviceError(words, words) from error


def _connect(device: Device, deadline_s: float, is_allowed: Callable[[str], bool]) -> socket.socket:
    """A connection to the very address that was checked, whatever the name says next time."""
    found = socket.getaddrinfo(device.host, device.port, type=socket.SOCK_STREAM)
    for family, kind, protocol, _, address in found:
        if not is_allowed(str(address[0])):
            continue
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(_left(deadline_s))
            connection.connect(address)
        except OSError:
            connection.close()
            raise
        return connection
    raise DeviceError(
        "not an address of the local network", "ce n’est pas une adresse du réseau local"
    )


def _receive(connection: socket.socket, deadline_s: float) -> bytes:
    """All that comes until the end, or until the length that the headers tell."""
    data, whole = b"", _MAX_REPLY_BYTES
    while len(data) < whole:
        connection.settimeout(_left(deadline_s))
        part = connection.recv(4096)
        if not part:
            return data
        data += part
        head, end, _ = data.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if end and length:
            whole = len(head) + len(end) + int(length[1])
        if max(len(data), whole) > _MAX_REPLY_BYTES:
            break
    if len(data) > _MAX_REPLY_BYTES or whole >= _MAX_REPLY_BYTES:
        raise DeviceError(
            f"an answer of more than {_MAX_REPLY_BYTES} bytes",
            f"une réponse de plus de {_MAX_REPLY_BYTES} octets",
        )
    return data


def _left(deadline_s: float) -> float:
    left_s = deadline_s - time.monotonic()
    if left_s <= 0:
        raise TimeoutError
    return left_s


def _parsed(data: bytes) -> Reply:
    head, _, body = data.partition(b"\r\n\r\n")
    status = _STATUS_LINE.match(head + b"\r")
    if status is None:
        raise DeviceError("an answer that is not HTTP", "une réponse qui n’est pas du HTTP")
    try:
        headers = parse_headers(BytesIO(head.partition(b"\r\n")[2] + b"\r\n\r\n"))
    except HTTPException as error:
        raise DeviceError(
            "headers that are not HTTP", "des en-têtes qui ne sont pas du HTTP"
        ) from error
    if headers.get("Transfer-Encoding", "identity").lower() != "identity":
        body = _dechunked(body)
    return Reply(int(status[1]), body, headers.get("WWW-Authenticate", ""))


def _dechunked(body: bytes) -> bytes:
    """The content of chunks, which some firmware sends even to HTTP/1.0 (RFC 9112, 7.1)."""
    content = b""
    while body:
        line, _, body = body.partition(b"\r\n")
        size_text = line.partition(b";")[0].strip()
        if not re.fullmatch(rb"[0-9a-fA-F]{1,8}", size_text):
            raise DeviceError("a damaged answer", "une réponse abîmée")
        size = int(size_text, 16)
        if size == 0:
            return content
        content, body = content + body[:size], body[size + 2 :]
    raise DeviceError("an answer without an end", "une réponse sans fin")


def digest_authorization(challenge: str, user: str, password: str, target: str) -> str:
    """The header that answers a challenge by RFC 7616, SHA-256. Raises DeviceError.

    MD5 is not answered: Shelly's second generation never asks for it.
    """
    scheme, _, rest = challenge.partition(" ")
    try:
        fields = parse_keqv_list(parse_http_list(rest))
    except (ValueError, IndexError):
        fields = {}
    realm, nonce = fields.get("realm"), fields.get("nonce")
    is_known = fields.get("algorithm", "").upper() == "SHA-256"
    if scheme.lower() != "digest" or not is_known or realm is None or nonce is None:
        raise DeviceError(
            "it asks for a password in a way that is not known",
            "elle demande un mot de passe d’une manière inconnue",
        )
    client_nonce, count = secrets.token_hex(8), "00000001"
    secret = _sha256(f"{user}:{realm}:{password}")
    request = _sha256(f"GET:{target}")
    response = _sha256(f"{secret}:{nonce}:{count}:{client_nonce}:auth:{request}")
    return (
        f'Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="{target}", '
        f'algorithm=SHA-256, qop=auth, nc={count}, cnonce="{client_nonce}", response="{response}"'
    )


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
