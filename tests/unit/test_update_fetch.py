# SPDX-License-Identifier: Apache-2.0
import hashlib
import json
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.fake_installer import FakeInstaller, fake_bundle

from atre.errors import UpdateError, UpdateProblem
from atre.ipc.update_messages import SourceKind, UpdateSource
from atre.updates.channel import Channel, fetch_address, read_channel, read_listing
from atre.updates.fetch import CancelledError, check_room, fetch_file, fetch_text
from atre.updates.look import Sources
from atre.updates.release_rule import Here

CONTENT = bytes(range(256)) * 4096  # 1 MiB
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Site:
    """A web server of files; ``cut_at`` breaks answers there, ``ranges`` says what was asked."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {"/bundle": CONTENT}
        self.cut_at: int | None = None
        self.knows_ranges = True
        self.ranges: list[str | None] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.serve(self)

            def log_message(self, *_: object) -> None:
                """Nothing: tests read what was asked."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        asked = handler.headers.get("Range")
        self.ranges.append(asked)
        content = self.files.get(handler.path)
        if content is None:
            handler.send_error(404)
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.knows_ranges else 0
        handler.send_response(206 if start else 200)
        handler.send_header("Content-Length", str(len(content) - start))
        handler.end_headers()
        handler.wfile.write(content[start : self.cut_at])

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def site() -> Iterator[Site]:
    found = Site()
    yield found
    found.close()


def get(site: Site, to: Path, *, size_bytes: int = len(CONTENT), sha256: str = SHA256) -> None:
    fetch_file(
        f"{site.address}/bundle",
        to,
        size_bytes=size_bytes,
        sha256=sha256,
        on_bytes=lambda *_: None,
    )


def test_a_line_that_broke_is_gone_on_with(site: Site, tmp_path: Path) -> None:
    to = tmp_path / "updates" / "fetched.raucb"
    site.cut_at = 300_000
    with pytest.raises(UpdateError) as refused:
        get(site, to)
    assert refused.value.problem is UpdateProblem.OFFLINE
    assert not to.exists()
    site.cut_at = None
    get(site, to)
    assert to.read_bytes() == CONTENT
    assert site.ranges == [None, "bytes=300000-"]


def test_a_server_without_ranges_sends_all_again(site: Site, tmp_path: Path) -> None:
    to = tmp_path / "x"
    site.cut_at = 300_000
    with pytest.raises(UpdateError):
        get(site, to)
    site.cut_at, site.knows_ranges = None, False
    get(site, to)
    assert to.read_bytes() == CONTENT


def test_other_content_is_thrown_away(site: Site, tmp_path: Path) -> None:
    with pytest.raises(UpdateError) as refused:
        get(site, tmp_path / "x", sha256="0" * 64)
    assert refused.value.problem is UpdateProblem.DAMAGED
    assert list(tmp_path.iterdir()) == []


def test_a_job_that_is_cancelled_keeps_what_it_has(site: Site, tmp_path: Path) -> None:
    def cancel(done: int, _size: int) -> None:
        if done > 500_000:
            raise CancelledError

    with pytest.raises(CancelledError):
        fetch_file(
            f"{site.address}/bundle", tmp_path / "x", size_bytes=0, sha256="", on_bytes=cancel
        )
    get(site, tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == CONTENT


def test_a_disk_without_room_says_how_much_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = SimpleNamespace(free=10**8)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    check_room(tmp_path, 10**7)
    with pytest.raises(UpdateError, match="lacks 968 MB") as refused:
        check_room(tmp_path, 10**9)
    assert refused.value.problem is UpdateProblem.NO_ROOM


@pytest.mark.parametrize("address", ["file:///etc/passwd", "/etc/passwd", "ftp://x/y", "https://"])
def test_only_the_web_is_asked(address: str) -> None:
    with pytest.raises(UpdateError, match="no address of the web"):
        fetch_text(address)


def test_a_channel_that_is_not_there_says_what_to_do(site: Site) -> None:
    with pytest.raises(UpdateError) as refused:
        fetch_text(f"{site.address}/nothing")
    assert refused.value.problem is UpdateProblem.OFFLINE
    assert "stick" in str(refused.value)


class Maker:
    """Who signs the channel."""

    def __init__(self, folder: Path) -> None:
        self.key = Ed25519PrivateKey.generate()
        self.public = folder / "channel.pub"
        self.public.write_bytes(
            self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        )

    def publish(self, site: Site, *releases: tuple[str, Path], channel: str = "stable") -> Channel:
        found = []
        for version, bundle in releases:
            site.files[f"/{bundle.name}"] = content = bundle.read_bytes()
            found.append(
                {
                    "release": {
                        "version": version,
                        "channel": channel,
                        "compatible": "atre-x86-64",
                        "changes": [{"text": "Faster.", "text_fr": "Plus rapide."}],
                    },
                    "bundle": bundle.name,
                    "size_bytes": len(content),
                    "sha256": hashlib.sha256(content).hexdigest(),
                }
            )
        text = json.dumps({"channel": channel, "releases": found}).encode()
        site.files["/stable.json"] = text
        site.files["/stable.json.sig"] = self.key.sign(text)
        return Channel("stable", f"{site.address}/stable.json")


@pytest.fixture
def maker(tmp_path: Path) -> Maker:
    return Maker(tmp_path)


def test_a_channel_s_release_is_found_and_fetched(site: Site, maker: Maker, tmp_path: Path) -> None:
    installer = FakeInstaller(version="1.0.0")
    channel = maker.publish(
        site,
        ("1.5.0", fake_bundle(tmp_path, version="1.5.0")),
        ("2.0.0", fake_bundle(tmp_path, version="2.0.0")),
    )
    sources = Sources(tmp_path / "updates", installer, channel, pytest.fail, key_file=maker.public)
    here = Here("1.0.0", "stable", "atre-x86-64", installer.facts())
    with sources.look(UpdateSource(kind=SourceKind.CHANNEL), here, lambda *_: None) as found:
        assert found is not None
        assert found.candidate.version == "1.5.0"
        bundle = sources.fetch(found, lambda *_: None)
    assert installer.inspect(bundle).version == "1.5.0"
    sources.tidy()
    assert list((tmp_path / "updates").iterdir()) == []


def test_a_list_that_nobody_vouches_for_is_refused(
    site: Site, maker: Maker, tmp_path: Path
) -> None:
    channel = maker.publish(site)
    text, signature = site.files["/stable.json"], site.files["/stable.json.sig"]
    assert read_listing(text, signature, maker.public, channel).entries == ()
    (tmp_path / "empty.pub").write_bytes(b"")
    for bad in (
        (text + b" ", signature, maker.public),
        (text, b"", maker.public),
        (text, Ed25519PrivateKey.generate().sign(text), maker.public),
        (text, signature, tmp_path / "none.pub"),
        (text, signature, tmp_path / "empty.pub"),
        (b"[]", maker.key.sign(b"[]"), maker.public),
        (b"\xff", maker.key.sign(b"\xff"), maker.public),
    ):
        with pytest.raises(UpdateError) as refused:
            read_listing(*bad, channel)
        assert refused.value.problem is UpdateProblem.SIGNATURE


def test_the_list_of_another_channel_is_refused(site: Site, maker: Maker) -> None:
    channel = maker.publish(site, channel="beta")
    with pytest.raises(UpdateError) as refused:
        read_listing(
            site.files["/stable.json"], site.files["/stable.json.sig"], maker.public, channel
        )
    assert refused.value.problem is UpdateProblem.CHANNEL


def test_a_machine_without_a_channel_asks_nobody(tmp_path: Path) -> None:
    (tmp_path / "channel.json").write_text('{"name": "stable"}')
    for channel in (read_channel(tmp_path / "none.json"), read_channel(tmp_path / "channel.json")):
        with pytest.raises(UpdateError) as refused:
            fetch_address(channel)
        assert refused.value.problem is UpdateProblem.NOT_ALLOWED
