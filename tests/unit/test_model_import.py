# SPDX-License-Identifier: Apache-2.0
"""Models from strangers' disks: whole, checked, and never half there."""

import base64
import hashlib
import json
import random
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from atre.errors import ModelLoadError, ModelProblem, ModelStoreError
from atre.models.examine import examine, facts_of
from atre.models.gguf_header import read_header
from atre.models.import_files import candidates, import_model
from atre.models.manifest import Manifest
from atre.models.signature import read_signed_listing
from atre.models.store import Store
from atre.space.limits import limits_path

_MUTATIONS = 2500


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data" / "models")


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    folder = tmp_path / "stick"
    folder.mkdir()
    return folder


def bring(store: Store, source: Path, **options: object) -> Manifest:
    (found,) = candidates(source)
    return import_model(store, found, reserve_bytes=0, **options)  # type: ignore[arg-type]


def left_over(store: Store) -> list[str]:
    """What a failed import left, apart from the folders and the lock."""
    kept = [path.relative_to(store.root) for path in store.root.rglob("*") if not path.is_dir()]
    return [str(path) for path in kept if path.name != "lock"]


def test_an_imported_model_is_the_file_that_was_on_the_stick(
    store: Store, stick: Path, tiny_gguf: ModuleType
) -> None:
    source = tiny_gguf.write_model(stick / "Essai-Q8_0.gguf")
    copied: list[int] = []
    manifest = bring(store, source, progress=copied.append)
    assert manifest.name == "essai-q8_0"
    assert manifest.facts.title == "Essai 0"
    assert manifest.facts.licence == "apache-2.0"
    assert manifest.files[0].sha256 == hashlib.sha256(source.read_bytes()).hexdigest()
    assert sum(copied) == manifest.size_bytes == source.stat().st_size
    assert read_header(store.path("essai-q8_0")).architecture == "llama"
    assert not list(store.partial_dir.iterdir())


def test_a_name_that_is_taken_is_refused(store: Store, stick: Path, tiny_gguf: ModuleType) -> None:
    source = tiny_gguf.write_model(stick / "essai.gguf")
    bring(store, source)
    with pytest.raises(ModelStoreError, match="--name"):
        bring(store, source)


def test_the_parts_of_a_split_model_are_one_model(
    store: Store, stick: Path, tiny_gguf: ModuleType
) -> None:
    tiny_gguf.write_model(stick / "gros", parts=2)
    tiny_gguf.write_model(stick / "petit.gguf", seed=1)
    assert [each.name for each in candidates(stick)] == ["gros", "petit"]
    whole = read_header(tiny_gguf.write_model(stick / "whole.gguf"))
    manifest = bring(store, stick / "gros-00002-of-00002.gguf")
    assert len(manifest.files) == 2
    header = read_header(store.path("gros"))
    assert header.parameters == whole.parameters == manifest.facts.parameters
    assert header.weights_bytes == whole.weights_bytes


def test_a_missing_part_is_named(stick: Path, tiny_gguf: ModuleType) -> None:
    tiny_gguf.write_model(stick / "gros", parts=2)
    (stick / "gros-00001-of-00002.gguf").unlink()
    with pytest.raises(ModelStoreError, match=r"gros-00001-of-00002\.gguf is not beside it"):
        candidates(stick)


def test_parts_in_the_wrong_order_are_refused(
    store: Store, stick: Path, tiny_gguf: ModuleType
) -> None:
    tiny_gguf.write_model(stick / "gros", parts=2)
    first, second = (stick / f"gros-0000{number}-of-00002.gguf" for number in (1, 2))
    first.rename(stick / "x")
    second.rename(first)
    (stick / "x").rename(second)
    with pytest.raises(ModelLoadError, match="is not part 1 of 2"):
        bring(store, first)
    assert left_over(store) == []


def test_an_empty_folder_and_a_file_that_is_no_model_say_so(store: Store, stick: Path) -> None:
    with pytest.raises(ModelStoreError, match=r"no \.gguf file"):
        candidates(stick)
    (stick / "photo.gguf").write_bytes(b"\xff\xd8\xff\xe0" + bytes(100))
    with pytest.raises(ModelLoadError, match="not a GGUF model"):
        bring(store, stick / "photo.gguf")
    assert left_over(store) == []


def test_a_stick_that_changes_while_it_is_copied_does_not_get_past_the_check(
    store: Store, stick: Path, tiny_gguf: ModuleType
) -> None:
    source = tiny_gguf.write_model(stick / "essai.gguf")
    content = source.read_bytes()
    sound = content.index(b"llama")

    def restore(_num_bytes: int) -> None:
        source.write_bytes(content)

    (found,) = candidates(source)
    real_open = Path.open

    class Switching(type(source)):  # type: ignore[misc]
        def open(self, *arguments: object, **options: object) -> object:
            if arguments == ("rb",):
                source.write_bytes(content[:sound] + b"\0" * 64 + content[sound + 64 :])
            return real_open(source, *arguments, **options)  # type: ignore[call-overload]

    switched = found.__class__(name=found.name, files=(Switching(source),))
    with pytest.raises(ModelLoadError, match="damaged"):
        import_model(store, switched, reserve_bytes=0, progress=restore)
    assert source.read_bytes() == content
    assert store.names() == []
    store.collect_garbage()
    assert left_over(store) == []


def test_an_adapter_is_kept_with_the_base_that_it_was_made_for(
    store: Store, stick: Path, tiny_gguf: ModuleType
) -> None:
    bring(store, tiny_gguf.write_model(stick / "base.gguf"))
    manifest = bring(store, tiny_gguf.write_adapter(stick / "lettres.gguf"), base="base")
    assert (manifest.facts.kind, manifest.base) == ("adapter", "base")
    assert manifest.facts.title == "Lettres"


def test_an_adapter_alone_asks_for_its_base(
    store: Store, stick: Path, tiny_gguf: ModuleType
) -> None:
    with pytest.raises(ModelLoadError, match="--base"):
        bring(store, tiny_gguf.write_adapter(stick / "lettres.gguf"))


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"n_embd": 128}, r"blk\.0\.attn_q\.weight is \(64, 64\) there and \(128, 128\)"),
        ({"architecture": "gemma3"}, "made for gemma3, not llama"),
        ({"only_half": True}, "only one half of the pair"),
        ({"is_activated": True}, "acts only after certain words"),
    ],
)
def test_an_adapter_for_another_base_is_refused(
    store: Store, stick: Path, tiny_gguf: ModuleType, options: dict[str, object], why: str
) -> None:
    bring(store, tiny_gguf.write_model(stick / "base.gguf"))
    with pytest.raises(ModelLoadError, match=why):
        bring(store, tiny_gguf.write_adapter(stick / "lettres.gguf", **options), base="base")
    assert store.names() == ["base"]


def test_a_base_without_the_adapters_tensors_is_refused(
    store: Store, stick: Path, tiny_gguf: ModuleType
) -> None:
    bring(store, tiny_gguf.write_model(stick / "base.gguf"))
    adapter = tiny_gguf.write_adapter(stick / "lettres.gguf")
    content = adapter.read_bytes().replace(b"blk.0.attn_q.weight.lora", b"blk.9.attn_q.weight.lora")
    adapter.write_bytes(content)
    with pytest.raises(ModelLoadError, match=r"base has no tensor blk\.9\.attn_q\.weight"):
        bring(store, adapter, base="base")


def sign(folder: Path, key: Ed25519PrivateKey, files: dict[str, str]) -> Path:
    text = json.dumps({"files": files}).encode()
    (folder / "models.json").write_bytes(text)
    (folder / "models.json.sig").write_bytes(key.sign(text))
    public = folder / "key.pem"
    public.write_bytes(
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    return public


def test_a_signed_listing_vouches_for_the_files_that_it_names(
    store: Store, stick: Path, tiny_gguf: ModuleType
) -> None:
    source = tiny_gguf.write_model(stick / "essai.gguf")
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    public = sign(stick, Ed25519PrivateKey.generate(), {"essai.gguf": digest})
    listing = read_signed_listing(stick, public)
    manifest = bring(store, source, expected=listing.files, signer=listing.signer)
    assert manifest.signer == listing.signer
    other = tiny_gguf.write_model(stick / "autre.gguf", seed=1)
    with pytest.raises(ModelStoreError, match=r"does not name autre\.gguf"):
        bring(store, other, expected=listing.files)
    other.rename(source)
    store.remove("essai")
    with pytest.raises(ModelStoreError, match="not the file that the manifest names"):
        bring(store, source, expected=listing.files)
    assert left_over(store) == []


def test_a_changed_listing_or_another_key_is_refused(stick: Path, tmp_path: Path) -> None:
    public = sign(stick, Ed25519PrivateKey.generate(), {"essai.gguf": "0" * 64})
    text = (stick / "models.json").read_bytes()
    (stick / "models.json").write_bytes(text.replace(b"0000", b"1111"))
    with pytest.raises(ModelStoreError, match="was changed"):
        read_signed_listing(stick, public)
    (stick / "models.json").write_bytes(text)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with pytest.raises(ModelStoreError, match="another key"):
        read_signed_listing(stick, sign(elsewhere, Ed25519PrivateKey.generate(), {}))
    (stick / "models.json.sig").unlink()
    with pytest.raises(ModelStoreError, match="nothing vouches"):
        read_signed_listing(stick, public)
    public.write_bytes(base64.b64encode(b"no key"))
    with pytest.raises(ModelStoreError, match="no public key"):
        read_signed_listing(stick, public)


def mutations(content: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Flipped bits, planted extreme numbers, cuts, repeated and swapped slices."""
    chance = random.Random(seed)
    extremes = (0, 1, 2**31, 2**32 - 1, 2**62, 2**63, 2**64 - 1)
    for _ in range(count):
        changed = bytearray(content)
        for _ in range(chance.randint(1, 4)):
            position = chance.randrange(len(changed))
            kind = chance.randrange(5)
            if kind == 0:
                changed[position] ^= 1 << chance.randrange(8)
            elif kind == 1:
                changed[position : position + 8] = struct.pack("<Q", chance.choice(extremes))
            elif kind == 2:
                del changed[max(1, position) :]
            elif kind == 3:
                changed[position:position] = changed[:position][-64:]
            else:
                size = chance.randrange(1, 32)
                changed[position : position + size] = chance.randbytes(size)
        yield bytes(changed)


@pytest.mark.parametrize("kind", ["model", "adapter"])
def test_no_mutated_header_does_worse_than_being_refused(
    stick: Path, tiny_gguf: ModuleType, kind: str
) -> None:
    base = tiny_gguf.write_model(stick / "base.gguf")
    source = base if kind == "model" else tiny_gguf.write_adapter(stick / "lettres.gguf")
    content = source.read_bytes()
    header_bytes = content.rindex(b"blk.0.") + 64
    path = stick / "mutated.gguf"
    refused = 0
    for changed in mutations(content[:header_bytes], _MUTATIONS, seed=20261121):
        path.write_bytes(changed + content[header_bytes:])
        try:
            facts_of([path], [base], "base")
        except ModelLoadError:
            refused += 1
    assert _MUTATIONS // 2 < refused < _MUTATIONS


def test_the_child_answers_like_this_process(stick: Path, tiny_gguf: ModuleType) -> None:
    content = tiny_gguf.write_model(stick / "base.gguf").read_bytes()
    path = stick / "mutated.gguf"
    for changed in mutations(content[:600], 8, seed=7):
        path.write_bytes(changed + content[600:])
        assert _outcome(examine, path) == _outcome(lambda files: facts_of(files, [], ""), path)


def _outcome(read: object, path: Path) -> object:
    try:
        return read([path])  # type: ignore[operator]
    except ModelLoadError as error:
        return str(error)


@pytest.mark.skipif(sys.platform != "linux", reason="macOS does not enforce RLIMIT_AS")
def test_the_child_has_little_memory_and_may_write_nothing(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from atre.models import examine\n"
        "examine._confine()\n"
        "try:\n    bytes(2**30)\nexcept MemoryError:\n    print('no memory')\n"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "try:\n    Path(sys.argv[1]).write_bytes(b'x')\nexcept OSError:\n    print('no file')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "written")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split("\n")[:2] == ["no memory", "no file"]


def test_a_child_that_dies_costs_a_sentence(
    stick: Path, tiny_gguf: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tiny_gguf.write_model(stick / "essai.gguf")
    dead = stick / "python"
    dead.write_text("#!/bin/sh\nkill -SEGV $$\n")
    dead.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(dead))
    with pytest.raises(ModelLoadError, match="broke the reader"):
        examine([source])


def test_a_disk_that_fills_up_loses_nothing_and_says_what_to_do(
    tmp_path: Path, stick: Path, tiny_gguf: ModuleType
) -> None:
    """On a real file system of 6 MiB, in a mount namespace of its own."""
    enter = ["unshare", "--user", "--map-root-user", "--mount"]
    if not shutil.which("unshare") or subprocess.run([*enter, "true"], check=False).returncode:
        pytest.skip("this machine makes no mount namespace for us")
    for number in range(3):
        tiny_gguf.write_model(stick / f"m{number}.gguf", n_embd=512, seed=number)
    program = """
import sys
from pathlib import Path
from atre.errors import ModelStoreError
from atre.models.import_files import candidates, import_model
from atre.models.store import Store
from atre.space.limits import limits_path
from atre.models.verify import verify
store = Store(Path(sys.argv[1]) / "models")
first, second, third = candidates(Path(sys.argv[2]))
kept = [import_model(store, each, reserve_bytes=0) for each in (first,)]
for reserve_bytes in (0, -10**9):
    try:
        import_model(store, second, reserve_bytes=reserve_bytes)
    except ModelStoreError as error:
        print(error)
store.collect_garbage()
assert store.names() == [first.name], store.names()
assert verify(store, kept[0]) == []
assert not list(store.partial_dir.iterdir())
assert len(list((store.root / "blobs").iterdir())) == 1
"""
    script = 'mount -t tmpfs -o size=6m none "$1" && shift && exec "$@"'
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(
        [*enter, "sh", "-c", script, "sh", str(disk), sys.executable, "-c", program,
         str(disk), str(stick)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    before, during = done.stdout.splitlines()
    assert "Nothing was written" in before
    assert "The disk is full. The copy was thrown away" in during
    assert "atre model remove" in before
    assert "atre model remove" in during


def test_what_passes_the_managers_limit_is_not_copied(
    store: Store, stick: Path, tiny_gguf: ModuleType
) -> None:
    source = tiny_gguf.write_model(stick / "essai.gguf")
    limits = limits_path(store.root.parent / "state")
    limits.parent.mkdir(parents=True)
    size = source.stat().st_size
    limits.write_text(json.dumps({"models": size - 1}))
    with pytest.raises(ModelStoreError, match="atre space") as refused:
        bring(store, source)
    assert refused.value.problem is ModelProblem.OVER_LIMIT
    assert not left_over(store)
    limits.write_text(json.dumps({"models": size}))
    bring(store, source)
