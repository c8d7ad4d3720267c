# SPDX-License-Identifier: Apache-2.0
"""A bundle that a browser sends: to the disk as it comes, whole or not at all."""

import fcntl
import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from tests.appliance_stand_in import STATES, WELL, UpdatesStandIn

from atre.config import Config
from atre.ipc.update_messages import SourceKind, UpdateSource
from atre.ipc.update_uploads import upload_path
from atre.space.level import Room
from atre_web.accounts.principal import Role
from atre_web.updates import incoming
from atre_web.updates.blueprint import UPDATES
from atre_web.updates.incoming import NotReceivedError, receive

BUNDLE = bytes(range(256)) * 4096
LINE = "xxBOUNDARYxx"


def body(content: bytes, name: str = "atre-1.5.0.raucb", *, end: str = "--\r\n") -> bytes:
    head = f'--{LINE}\r\nContent-Disposition: form-data; name="bundle"; filename="{name}"\r\n\r\n'
    return head.encode() + content + f"\r\n--{LINE}{end}".encode()


@pytest.fixture
def daemon() -> UpdatesStandIn:
    return UpdatesStandIn()


@pytest.fixture
def manager(daemon: UpdatesStandIn, sign_in: Callable[[Role], FlaskClient]) -> FlaskClient:
    client = sign_in("manager")
    client.application.extensions[UPDATES] = daemon
    client.environ_base["HTTP_ACCEPT"] = "text/html"
    client.set_cookie("atre-language", "fr")
    return client


def send(client: FlaskClient, content: bytes, name: str = "a.raucb") -> int:
    kind = f"multipart/form-data; boundary={LINE}"
    return client.post("/updates/upload", data=body(content, name), content_type=kind).status_code


def test_a_bundle_longer_than_any_other_body_is_stored_and_looked_at(
    manager: FlaskClient, daemon: UpdatesStandIn, config: Config
) -> None:
    target = upload_path(config.data_dir)
    long = BUNDLE * 12
    assert len(long) > manager.application.config["MAX_CONTENT_LENGTH"]
    assert send(manager, long) == 303
    assert target.read_bytes() == long
    assert daemon.asked == [("check", UpdateSource(kind=SourceKind.FILE, location=str(target)))]
    assert send(manager, b"another") == 303
    assert target.read_bytes() == b"another"
    assert [each.name for each in target.parent.iterdir()] == [target.name]


def test_a_file_name_of_the_browser_is_not_used(
    manager: FlaskClient, config: Config, tmp_path: Path
) -> None:
    before = {each for each in tmp_path.rglob("*") if each.is_file()}
    assert send(manager, b"x", name="../../../../../evil\u202egpj.raucb") == 303
    after = {each for each in tmp_path.rglob("*") if each.is_file()}
    assert {each.name for each in after - before} <= {upload_path(config.data_dir).name}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (body(BUNDLE)[: len(BUNDLE) // 2], "broken"),
        (body(BUNDLE, end=""), "broken"),
        (b"", "broken"),
        (b"no form at all", "broken"),
        (body(b""), "none"),
        (body(b"1", "")[:-6] + b"--\r\n", "broken"),
        (body(b"one", end="\r\n") + body(b"two"), "broken"),
        (body(b"a field").replace(b'; filename="atre-1.5.0.raucb"', b""), "none"),
    ],
)  # fmt: skip
def test_what_is_no_whole_file_leaves_nothing_and_keeps_the_last(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    target = tmp_path / "updates" / "upload.raucb"
    receive(io.BytesIO(body(b"before")), LINE, 6, target)
    with pytest.raises(NotReceivedError) as caught:
        receive(io.BytesIO(content), LINE, len(content), target)
    assert caught.value.reason == reason
    assert target.read_bytes() == b"before"
    assert [each.name for each in target.parent.iterdir()] == [target.name]


def test_a_silent_browser_and_a_full_disk_leave_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Silent(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if found := super().read(size):
                return found
            raise TimeoutError("The read operation timed out")

    target = tmp_path / "upload.raucb"
    with pytest.raises(NotReceivedError, match="broken"):
        receive(Silent(body(BUNDLE)[:5000]), LINE, 9999, target)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NotReceivedError, match="disk"):
        receive(io.BytesIO(body(BUNDLE)), LINE, 9999, target)
    assert list(tmp_path.iterdir()) == []


def test_one_file_at_a_time(tmp_path: Path) -> None:
    target = tmp_path / "upload.raucb"
    part = tmp_path / "upload.raucb.part"
    with part.open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        other.write(b"half")
        other.flush()
        with pytest.raises(NotReceivedError, match="busy"):
            receive(io.BytesIO(body(b"mine")), LINE, 4, target)
        assert part.read_bytes() == b"half"
    # What a power cut left is no sender.
    receive(io.BytesIO(body(b"mine")), LINE, 4, target)
    assert target.read_bytes() == b"mine"


def test_a_body_is_refused_before_it_is_read(
    manager: FlaskClient, daemon: UpdatesStandIn, monkeypatch: pytest.MonkeyPatch, config: Config
) -> None:
    huge = {"CONTENT_LENGTH": str(incoming.MOST_BYTES * 2)}
    kind = f"multipart/form-data; boundary={LINE}"
    refused = manager.post("/updates/upload", content_type=kind, environ_overrides=huge)
    assert refused.status_code == 413
    assert "trop long pour une mise à jour" in refused.text
    with pytest.raises(NotReceivedError, match="length"):
        incoming.check_room(None, config.data_dir)
    room = Room(free_bytes=1_000_100_000, total_bytes=10**12)
    monkeypatch.setattr(incoming, "room", lambda _: room)
    assert send(manager, b"x" * 200_000) == 507
    monkeypatch.undo()
    assert manager.post("/updates/upload", data="x", content_type="text/plain").status_code == 400
    for state in (STATES["writing"], STATES["absent"]):
        daemon.state = state
        assert send(manager, b"x") == 409
    assert daemon.asked == []
    assert not upload_path(config.data_dir).exists()
    daemon.state = WELL
    assert send(manager, b"x") == 303


def test_another_sites_page_sends_nothing(manager: FlaskClient, config: Config) -> None:
    manager.environ_base["HTTP_ORIGIN"] = "http://evil.example"
    assert send(manager, b"x") == 403
    assert not upload_path(config.data_dir).exists()
