# SPDX-License-Identifier: Apache-2.0
"""A model hub of ours on 127.0.0.1 that speaks the real one's HTTP, and misbehaves on request.

The hub answers HEAD and GET on /OWNER/REPO/resolve/REVISION/FILE with a redirect whose headers give
digest, size and commit; another host, as the real one's storage is, sends the bytes.
"""

import hashlib
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import unquote

COMMIT = "0123456789abcdef0123456789abcdef01234567"
_CHUNK_BYTES = 4096


@dataclass
class Seen:
    """One request that arrived: at the hub or at its storage."""

    host: str
    method: str
    path: str
    start: int
    authorization: str | None


@dataclass
class FakeHub:
    """Files by OWNER/REPO/FILE, and the faults; set them before a request."""

    files: dict[str, bytes] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    digests: dict[str, str] = field(default_factory=dict)  # what the hub says, if not the truth
    announced_bytes: dict[str, int] = field(default_factory=dict)
    cuts: list[int] = field(default_factory=list)  # bytes that each next answer sends, then closes
    statuses: list[tuple[int, dict[str, str]]] = field(default_factory=list)  # of the next answers
    knows_ranges: bool = True
    stall_after: int | None = None  # send so many bytes, then nothing until ``let_go`` or the end
    seen: list[Seen] = field(default_factory=list)
    sent_bytes: int = 0

    def __enter__(self) -> Self:
        self._holding = threading.Event()
        self.stalled = threading.Event()
        self._servers = [self._serve(_HubHandler), self._serve(_StorageHandler)]
        hub, storage = (server.server_address[1] for server in self._servers)
        self.endpoint = f"http://127.0.0.1:{hub}"
        self.storage = f"http://localhost:{storage}"
        return self

    def __exit__(self, *_: object) -> None:
        self._holding.set()
        for server in self._servers:
            server.shutdown()
            server.server_close()
        for thread in self._threads:
            thread.join()

    def _serve(self, handler: type["_Handler"]) -> ThreadingHTTPServer:
        bound = type(handler.__name__, (handler,), {"hub": self})
        server = ThreadingHTTPServer(("127.0.0.1", 0), bound)
        server.daemon_threads = False
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        self._threads = [*getattr(self, "_threads", []), thread]
        return server

    def wait_for_end(self) -> None:
        self.stalled.set()
        self._holding.wait()

    def let_go(self) -> None:
        """Close the connections that stall, and let the next ones send everything."""
        self.stall_after = None
        self._holding.set()
        self._holding = threading.Event()

    def gets(self) -> list[Seen]:
        """The requests for bytes that reached the storage."""
        return [each for each in self.seen if each.host == "storage"]


class _Handler(BaseHTTPRequestHandler):
    hub: FakeHub
    host = ""
    protocol_version = "HTTP/1.0"  # one request a connection, so that no thread waits for another

    def log_message(self, *_: object) -> None:
        """Say nothing: pytest shows stderr of failed tests."""

    def note(self) -> None:
        said = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        self.hub.seen.append(
            Seen(
                host=self.host,
                method=self.command,
                path=unquote(self.path),
                start=int(said[1]) if said else 0,
                authorization=self.headers.get("Authorization"),
            )
        )

    def empty(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": "0"}).items():
            self.send_header(name, value)
        self.end_headers()


class _HubHandler(_Handler):
    host = "hub"

    def do_HEAD(self) -> None:
        self.note()
        match = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", unquote(self.path))
        if match is None:
            self.empty(404, {"X-Error-Code": "RepoNotFound"})
            return
        repo, revision, file = match.groups()
        address = f"{repo}/{file}"
        if repo in self.hub.gated and not self.headers.get("Authorization"):
            self.empty(403, {"X-Error-Code": "GatedRepo"})
        elif address not in self.hub.files or revision not in ("main", COMMIT):
            self.empty(404, {"X-Error-Code": "EntryNotFound"})
        else:
            content = self.hub.files[address]
            digest = self.hub.digests.get(address, hashlib.sha256(content).hexdigest())
            size = self.hub.announced_bytes.get(address, len(content))
            self.empty(
                302,
                {
                    "Location": f"{self.hub.storage}/{address}?signature=x",
                    "X-Repo-Commit": COMMIT,
                    "X-Linked-Etag": f'"{digest}"',
                    "X-Linked-Size": str(size),
                    "ETag": '"elsewhere"',
                },
            )

    do_GET = do_HEAD  # noqa: N815


class _StorageHandler(_Handler):
    host = "storage"

    def do_GET(self) -> None:
        self.note()
        hub = self.hub
        if hub.statuses:
            self.empty(*hub.statuses.pop(0))
            return
        content = hub.files[unquote(self.path).partition("?")[0].removeprefix("/")]
        start = hub.seen[-1].start if hub.knows_ranges else 0
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        end = len(content)
        if hub.cuts:
            end = min(end, start + hub.cuts.pop(0))
            self.close_connection = True
        self._send(content[start:end])

    def _send(self, content: bytes) -> None:
        sent = 0
        try:
            while sent < len(content):
                if self.hub.stall_after is not None and sent >= self.hub.stall_after:
                    self.hub.wait_for_end()
                    return
                chunk = content[sent : sent + _CHUNK_BYTES]
                self.wfile.write(chunk)
                sent += len(chunk)
                self.hub.sent_bytes += len(chunk)
        except ConnectionError:
            self.close_connection = True
