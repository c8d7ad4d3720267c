# SPDX-License-Identifier: Apache-2.0
"""The store: nothing half written, nothing shared lost, nothing in use removed."""

import errno
import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from atre.errors import ModelStoreError
from atre.models import disk
from atre.models.lease import Lease
from atre.models.manifest import Facts, Manifest, StoredFile, check_name, name_of_file
from atre.models.store import Store, held_in_use
from atre.models.verify import verify


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "models")


def put(store: Store, lease: Lease, content: bytes) -> StoredFile:
    """A file as a pull or an import brings it."""
    file = StoredFile(sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))
    copy = lease.new_file()
    copy.write_bytes(content)
    store.add(lease, file, copy)
    return file


def keep(store: Store, name: str, *contents: bytes, base: str | None = None) -> Manifest:
    with store.lease() as lease:
        manifest = Manifest(
            name=name,
            files=tuple(put(store, lease, content) for content in contents),
            facts=Facts(kind="adapter" if base else "model", architecture="llama"),
            source="import",
            added="2026-11-21T00:00:00+00:00",
            base=base,
        )
        store.publish(manifest)
    return manifest


def test_a_stored_model_is_found_by_its_name_under_its_digest(store: Store) -> None:
    kept = keep(store, "small", b"weights")
    path = store.path("small")
    assert path == store.root / "small.gguf"
    assert path.read_bytes() == b"weights"
    assert path.resolve() == store.blob(hashlib.sha256(b"weights").hexdigest())
    assert store.manifests() == [kept]


def test_the_parts_of_a_model_lie_beside_each_other_under_the_names_that_llama_cpp_wants(
    store: Store,
) -> None:
    keep(store, "big", b"one", b"two")
    assert store.path("big").name == "big-00001-of-00002.gguf"
    assert (store.root / "big-00002-of-00002.gguf").read_bytes() == b"two"


def test_before_its_manifest_a_model_does_not_exist(store: Store) -> None:
    with store.lease() as lease:
        put(store, lease, b"weights")
        assert store.names() == []
        assert not list(store.root.glob("*.gguf"))
        with pytest.raises(ModelStoreError, match="atre model list"):
            store.path("small")


def test_a_link_that_a_power_cut_left_out_is_made_when_it_is_needed(store: Store) -> None:
    keep(store, "big", b"one", b"two")
    for link in store.root.glob("*.gguf"):
        link.unlink()
    assert store.path("big").read_bytes() == b"one"
    assert (store.root / "big-00002-of-00002.gguf").read_bytes() == b"two"


def test_a_link_never_stands_for_a_model_that_does_not_exist(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(*_: object) -> None:
        raise OSError(errno.EIO, "the power went")

    keep(store, "small", b"weights")
    with monkeypatch.context() as patch:
        patch.setattr("atre.models.store.write_durably", cut)
        with pytest.raises(ModelStoreError, match="not stored"):
            keep(store, "other", b"others")
    assert [link.name for link in store.root.glob("*.gguf")] == ["small.gguf"]
    with monkeypatch.context() as patch:
        patch.setattr("atre.models.store._sync", cut)
        with pytest.raises(OSError, match="power"):
            store.remove("small")
    assert not list(store.root.glob("*.gguf"))


def test_a_model_whose_blob_is_missing_is_not_published(store: Store) -> None:
    absent = StoredFile(sha256="0" * 64, size_bytes=1)
    manifest = Manifest(
        name="ghost",
        files=(absent,),
        facts=Facts(kind="model", architecture="llama"),
        source="import",
        added="",
    )
    with pytest.raises(ModelStoreError, match="is missing"):
        store.publish(manifest)
    assert store.names() == []


def test_a_shared_blob_outlives_the_first_of_its_models(store: Store) -> None:
    first, second = (keep(store, name, b"shared", name.encode()) for name in ("one", "two"))
    assert len(list((store.root / "blobs").iterdir())) == 3
    assert store.remove("one") == len(b"one")
    assert store.path("two").read_bytes() == b"shared"
    assert verify(store, second) == []
    assert store.names() == ["two"]
    assert not (store.root / first.link_names()[0]).exists()


def test_the_model_in_use_is_neither_removed_nor_collected(store: Store) -> None:
    keep(store, "loaded", b"weights")
    with held_in_use(store.path("loaded")):
        with pytest.raises(ModelStoreError, match="running box"):
            store.remove("loaded")
        (store.root / "manifests" / "loaded.json").unlink()
        assert store.collect_garbage() == 0
        assert (store.root / "loaded.gguf").read_bytes() == b"weights"
    assert store.collect_garbage() == len(b"weights")


def test_every_part_of_the_model_in_use_is_held(store: Store) -> None:
    keep(store, "big", b"one", b"two")
    with held_in_use(store.path("big")):
        (store.root / "manifests" / "big.json").unlink()
        assert store.collect_garbage() == 0


def test_a_model_in_use_by_a_box_that_was_killed_is_free(store: Store) -> None:
    keep(store, "loaded", b"weights")
    program = (
        "import sys; from pathlib import Path; from atre.models.store import held_in_use\n"
        "with held_in_use(Path(sys.argv[1])):\n    print(flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(store.path("loaded"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(ModelStoreError, match="running box"):
            store.remove("loaded")
        holder.kill()
        holder.wait()
        assert store.remove("loaded") == len(b"weights")


def test_the_chosen_model_is_not_removed(store: Store) -> None:
    keep(store, "mine", b"weights")
    store.choose("mine")
    with pytest.raises(ModelStoreError, match="atre model use"):
        store.remove("mine")
    store.choose("factory")
    assert store.chosen() is None
    store.remove("mine")


def test_the_base_of_an_adapter_is_not_removed(store: Store) -> None:
    keep(store, "base", b"weights")
    keep(store, "letters", b"adapter", base="base")
    with pytest.raises(ModelStoreError, match="letters belongs to base"):
        store.remove("base")
    with pytest.raises(ModelStoreError, match="Choose its base"):
        store.choose("letters")


def test_what_a_running_pull_brought_is_not_collected(store: Store) -> None:
    with store.lease() as lease:
        file = put(store, lease, b"first of two parts")
        assert store.collect_garbage() == 0
        assert store.blob(file.sha256).exists()
    assert store.collect_garbage() == file.size_bytes


def test_a_blob_that_a_running_pull_found_there_is_not_collected(store: Store) -> None:
    file = keep(store, "old", b"weights").files[0]
    with store.lease() as lease:
        assert store.holds(lease, file)
        assert store.remove("old") == 0
        assert store.blob(file.sha256).exists()


def test_what_a_dead_import_left_is_collected_and_a_partial_download_is_not(store: Store) -> None:
    keep(store, "any", b"weights")
    (store.root / "leases" / "lease-dead").write_text(f"{'0' * 64}\n")
    (store.root / "partial" / "lease-dead.1").write_bytes(b"half a copy")
    (store.root / "partial" / f"sha256-{'1' * 64}").write_bytes(b"half a download")
    assert store.collect_garbage() == len(b"half a copy")
    assert [path.name for path in store.partial_dir.iterdir()] == [f"sha256-{'1' * 64}"]
    assert not list((store.root / "leases").iterdir())


def test_nothing_is_collected_while_a_manifest_is_damaged(store: Store) -> None:
    file = keep(store, "mine", b"weights").files[0]
    (store.root / "manifests" / "mine.json").write_bytes(b'{"name": "mi')
    with pytest.raises(ModelStoreError, match="is damaged"):
        store.collect_garbage()
    assert store.blob(file.sha256).exists()


def test_a_file_that_nobody_imported_is_not_replaced(store: Store) -> None:
    store.root.mkdir()
    (store.root / "mine.gguf").write_bytes(b"put there by hand")
    with pytest.raises(ModelStoreError, match="nobody imported"):
        keep(store, "mine", b"weights")
    assert (store.root / "mine.gguf").read_bytes() == b"put there by hand"
    assert store.names() == []


def test_verify_names_what_changed_and_a_new_copy_heals_it(store: Store) -> None:
    manifest = keep(store, "mine", b"weights")
    blob = store.blobs(manifest)[0]
    blob.chmod(0o600)
    blob.write_bytes(b"weighty")
    assert "has changed" in verify(store, manifest)[0].text
    with store.lease() as lease:
        put(store, lease, b"weights")
    assert verify(store, manifest) == []
    blob.unlink()
    assert "is missing" in verify(store, manifest)[0].text


@pytest.mark.parametrize(
    ("file_name", "name"),
    [
        ("Qwen_Qwen3-4B-Q4_K_M.gguf", "qwen_qwen3-4b-q4_k_m"),
        ("gpt-oss-120b-mxfp4-00001-of-00003.gguf", "gpt-oss-120b-mxfp4"),
        ("Modèle d’essai (2).gguf", "mod-le-d-essai-2"),
        ("….gguf", "model"),
        ("factory.gguf", "factory-copy"),
    ],
)
def test_a_model_gets_a_plain_name_from_its_file(file_name: str, name: str) -> None:
    assert name_of_file(file_name) == name


@pytest.mark.parametrize("name", ["", "../x", "A", "a/b", "factory", "-a", "x" * 81])
def test_a_name_that_could_be_a_path_or_the_factory_models_is_refused(name: str) -> None:
    with pytest.raises(ModelStoreError, match="cannot be called"):
        check_name(name)


def test_room_is_asked_for_before_writing(tmp_path: Path) -> None:
    disk.require_room(tmp_path, 1, reserve_bytes=0)
    with pytest.raises(ModelStoreError, match=r"Nothing was written.*atre model remove"):
        disk.require_room(tmp_path, 2**60)
