# SPDX-License-Identifier: Apache-2.0
"""Models from a hub of ours: over cut lines, after a kill, and never a wrong byte."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import msgspec
import pytest

from atre.errors import ModelLoadError, ModelProblem, ModelStoreError
from atre.models.catalogue import load_catalogue
from atre.models.download import Pace
from atre.models.hub import parse_address
from atre.models.manifest import Manifest
from atre.models.pull import find, pull, request_for
from atre.models.store import Store
from atre.models.unfinished import forget_unfinished, partial_path, unfinished
from atre.models.verify import verify
from atre.space.limits import SpaceLimits, limits_path

if TYPE_CHECKING:
    from tests.fake_hub import FakeHub

_ADDRESS = "someone/Essai-GGUF/Essai-Q8_0.gguf"
_TIMEOUT_S = 60.0


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.sleeps: list[float] = []

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now_s += max(0.0, seconds)


@pytest.fixture(autouse=True)
def _nobody_is_signed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in (
        "http_proxy",
        "https_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", os.devnull)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data" / "models")


@pytest.fixture
def hub(fake_hub: ModuleType, tiny_gguf: ModuleType, tmp_path: Path) -> Iterator["FakeHub"]:
    content = tiny_gguf.write_model(tmp_path / "hub.gguf", n_embd=256).read_bytes()
    assert len(content) > 500_000
    with fake_hub.FakeHub(files={_ADDRESS: content}) as running:
        yield running


def bring(
    store: Store,
    hub: "FakeHub",
    address: str = _ADDRESS,
    *,
    clock: Clock | None = None,
    reserve_bytes: int = 0,
    progress: list[int] | None = None,
) -> Manifest:
    clock = clock or Clock()
    found = find(store, request_for(address, load_catalogue()), endpoint=hub.endpoint)
    return pull(
        store,
        found,
        pace=Pace(clock=clock, sleep=clock.sleep),
        reserve_bytes=reserve_bytes,
        progress=(lambda _: None) if progress is None else progress.append,
    )


def test_a_model_comes_by_redirect_and_its_digest_is_remembered(
    store: Store, hub: "FakeHub", fake_hub: ModuleType
) -> None:
    progress: list[int] = []
    manifest = bring(store, hub, progress=progress)
    content = hub.files[_ADDRESS]
    assert manifest.name == "essai-q8_0"
    assert manifest.files[0].sha256 == hashlib.sha256(content).hexdigest()
    assert manifest.source == f"hub:{_ADDRESS}@{fake_hub.COMMIT}"
    assert store.path("essai-q8_0").read_bytes() == content
    assert sum(progress) == len(content)
    assert verify(store, manifest) == []
    assert unfinished(store.partial_dir) == []
    (get,) = hub.gets()
    assert get.start == 0
    # The bytes are asked for at the commit whose digest was told.
    assert any(fake_hub.COMMIT in each.path for each in hub.seen)


def test_the_token_is_shown_to_the_hub_and_not_to_its_storage(
    store: Store, hub: "FakeHub", monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.gated.add("someone/Essai-GGUF")
    with pytest.raises(ModelStoreError, match=r"accepted its licence.*HF_TOKEN"):
        bring(store, hub)
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    bring(store, hub)
    assert {each.authorization for each in hub.seen if each.host == "hub"} == {
        None,
        "Bearer hf_secret",
    }
    assert {each.authorization for each in hub.gets()} == {None}


def test_a_cut_line_costs_only_what_was_not_sent(store: Store, hub: "FakeHub") -> None:
    hub.cuts = [100_000, 1, 0, 200_000]
    clock = Clock()
    progress: list[int] = []
    bring(store, hub, clock=clock, progress=progress)
    size = len(hub.files[_ADDRESS])
    starts = [each.start for each in hub.gets()]
    assert starts == sorted(starts)
    assert len(starts) == 5
    assert starts[-1] > 200_000
    assert hub.sent_bytes < size + 5 * 65_536
    assert sum(progress) == size
    assert all(0 < seconds <= 60 for seconds in clock.sleeps)


def test_a_hub_without_ranges_starts_over_and_is_still_right(store: Store, hub: "FakeHub") -> None:
    hub.knows_ranges = False
    hub.cuts = [300_000]
    progress: list[int] = []
    manifest = bring(store, hub, progress=progress)
    assert verify(store, manifest) == []
    assert min(progress) < 0
    assert sum(progress) == manifest.size_bytes


def test_a_busy_hub_is_waited_for_as_it_asks(store: Store, hub: "FakeHub") -> None:
    hub.statuses = [(503, {}), (429, {"Retry-After": "17"})]
    clock = Clock()
    bring(store, hub, clock=clock)
    assert clock.sleeps == [1.0, 17.0]


def test_a_line_that_stays_cut_keeps_what_came_and_says_so(store: Store, hub: "FakeHub") -> None:
    hub.cuts = [300_000] + [0] * 20
    with pytest.raises(ModelStoreError, match="the same command goes on from there"):
        bring(store, hub)
    (left,) = unfinished(store.partial_dir)
    assert left.address == _ADDRESS
    assert 0 < left.done_bytes <= 300_000
    assert store.names() == []
    store.collect_garbage()
    hub.cuts = []
    hub.seen.clear()
    bring(store, hub)
    assert [each.start for each in hub.gets()] == [left.done_bytes]


def test_a_wrong_digest_is_thrown_away(store: Store, hub: "FakeHub") -> None:
    hub.digests[_ADDRESS] = "0" * 64
    with pytest.raises(ModelStoreError, match="not what the hub says"):
        bring(store, hub)
    assert store.names() == []
    assert list(store.partial_dir.iterdir()) == []
    assert list((store.root / "blobs").iterdir()) == []


def test_what_an_earlier_download_left_is_checked_too(store: Store, hub: "FakeHub") -> None:
    content = hub.files[_ADDRESS]
    left = partial_path(store.partial_dir, hashlib.sha256(content).hexdigest())
    left.parent.mkdir(parents=True)
    left.write_bytes(b"x" + content[1:100_000])
    with pytest.raises(ModelStoreError, match="not what the hub says"):
        bring(store, hub)
    assert [each.start for each in hub.gets()] == [100_000]
    bring(store, hub)


def test_a_file_longer_than_announced_is_not_read_to_its_end(store: Store, hub: "FakeHub") -> None:
    hub.announced_bytes[_ADDRESS] = 100_000
    with pytest.raises(ModelStoreError, match="longer than the 100000 bytes"):
        bring(store, hub)
    assert store.names() == []


def test_a_full_disk_is_known_before_the_first_byte(store: Store, hub: "FakeHub") -> None:
    with pytest.raises(ModelStoreError, match="Nothing was written"):
        bring(store, hub, reserve_bytes=2**60)
    assert hub.gets() == []


def test_a_limit_on_all_models_is_known_before_the_first_byte(store: Store, hub: "FakeHub") -> None:
    state_dir = store.root.parent / "state"
    state_dir.mkdir(parents=True)
    limits_path(state_dir).write_bytes(msgspec.json.encode(SpaceLimits(models=100_000)))
    with pytest.raises(ModelStoreError, match="more than the limit") as refused:
        bring(store, hub)
    assert refused.value.problem is ModelProblem.OVER_LIMIT
    assert hub.gets() == []
    assert store.names() == []
    limits_path(state_dir).write_bytes(msgspec.json.encode(SpaceLimits(models=10**9)))
    assert bring(store, hub).files


def test_what_is_no_model_is_refused_although_its_digest_is_right(
    store: Store, hub: "FakeHub"
) -> None:
    hub.files[_ADDRESS] = b"PK\x03\x04" + bytes(1000)
    with pytest.raises(ModelLoadError, match="not a GGUF model"):
        bring(store, hub)
    assert store.names() == []
    assert store.collect_garbage() == 1004


def test_the_parts_of_a_model_come_together_and_shared_files_once(
    store: Store, hub: "FakeHub", tiny_gguf: ModuleType, tmp_path: Path
) -> None:
    tiny_gguf.write_model(tmp_path / "gros", parts=2)
    names = [f"gros-0000{number}-of-00002.gguf" for number in (1, 2)]
    for name in names:
        hub.files[f"someone/Gros-GGUF/Q8/{name}"] = (tmp_path / name).read_bytes()
    manifest = bring(store, hub, f"someone/Gros-GGUF/Q8/{names[1]}")
    assert manifest.name == "gros"
    assert len(manifest.files) == 2
    hub.files["other/Copy-GGUF/copie.gguf"] = hub.files[_ADDRESS]
    bring(store, hub)
    before = len(hub.gets())
    bring(store, hub, "other/Copy-GGUF/copie.gguf")
    assert len(hub.gets()) == before
    assert len(list((store.root / "blobs").iterdir())) == 3


@pytest.mark.parametrize("address", ["someone/Essai-GGUF/autre.gguf", "nobody/Nothing/x.gguf"])
def test_what_the_hub_does_not_have_is_named(store: Store, hub: "FakeHub", address: str) -> None:
    with pytest.raises(ModelStoreError, match=f"The hub has no {address}"):
        bring(store, hub, address)


def test_a_hub_that_gives_no_sha256_is_not_trusted(store: Store, hub: "FakeHub") -> None:
    hub.digests[_ADDRESS] = "d41d8cd98f00b204e9800998ecf8427e"
    with pytest.raises(ModelStoreError, match="atre model import"):
        bring(store, hub)


def test_a_hub_that_cannot_be_reached_is_said_in_one_sentence(store: Store) -> None:
    request = request_for(_ADDRESS, load_catalogue())
    with pytest.raises(ModelStoreError, match=r"cannot be reached.*USB stick"):
        find(store, request, endpoint="http://127.0.0.1:9")


def test_an_id_of_the_catalogue_is_an_address() -> None:
    request = request_for("qwen3-4b", load_catalogue())
    assert request.name == "qwen3-4b"
    assert str(request.files[0]) == "bartowski/Qwen_Qwen3-4B-GGUF/Qwen_Qwen3-4B-Q4_K_M.gguf"
    with pytest.raises(ModelStoreError, match="not in the catalogue"):
        request_for("unknown", load_catalogue())


@pytest.mark.parametrize("text", ["a/b", "a/b/c.bin", "../b/c.gguf", "/a/b/c.gguf", "https://x/y"])
def test_what_is_no_address_is_none(text: str) -> None:
    assert parse_address(text) is None


def test_the_limit_holds_over_every_stretch_and_saves_nothing_up() -> None:
    clock = Clock()
    pace = Pace(1000.0, clock=clock, sleep=clock.sleep)
    for _ in range(10):
        pace.spend(500)
    assert clock.now_s == pytest.approx(5.0)
    clock.now_s += 3600  # the hub was slow for an hour
    pace.spend(2000)
    assert clock.now_s == pytest.approx(3607.0)


def test_a_limited_download_takes_its_time(store: Store, hub: "FakeHub") -> None:
    clock = Clock()
    found = find(store, request_for(_ADDRESS, load_catalogue()), endpoint=hub.endpoint)
    pull(store, found, pace=Pace(100_000.0, clock=clock, sleep=clock.sleep), reserve_bytes=0)
    assert clock.now_s == pytest.approx(len(hub.files[_ADDRESS]) / 100_000.0, rel=0.01)


def command(data_dir: Path, *arguments: str) -> list[str]:
    # The disk that the tests run on may have less than the reserve.
    program = (
        "from atre.models import pull; pull.require_room = lambda *_, **__: None\n"
        "from atre.cli import main; main()"
    )
    return [sys.executable, "-c", program, "model", *arguments, "--data-dir", str(data_dir)]


def environment(hub: "FakeHub", tmp_path: Path) -> dict[str, str]:
    return os.environ | {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}


def test_a_pull_that_was_killed_goes_on_where_it_stopped(hub: "FakeHub", tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    pull_it = command(data_dir, "pull", _ADDRESS)
    hub.stall_after = 262_144
    with subprocess.Popen(
        pull_it,
        env=environment(hub, tmp_path),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as first:
        assert hub.stalled.wait(_TIMEOUT_S)
        again = subprocess.run(
            pull_it, env=environment(hub, tmp_path), capture_output=True, text=True, check=False
        )
        assert "Another command is fetching the same file" in again.stderr
        first.kill()
    listed = subprocess.run(
        command(data_dir, "list"), env=environment(hub, tmp_path), capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    assert _ADDRESS in listed.stdout
    hub.stall_after = None
    done = subprocess.run(
        [*pull_it, "--json"], env=environment(hub, tmp_path), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["name"] == "essai-q8_0"
    assert hub.gets()[-1].start > 0
    store = Store(data_dir / "models")
    assert verify(store, store.manifest("essai-q8_0")) == []


def test_unfinished_downloads_can_be_forgotten(store: Store, hub: "FakeHub") -> None:
    hub.cuts = [300_000] + [0] * 20
    with pytest.raises(ModelStoreError):
        bring(store, hub)
    assert forget_unfinished(store.partial_dir) > 0
    assert list(store.partial_dir.iterdir()) == []
