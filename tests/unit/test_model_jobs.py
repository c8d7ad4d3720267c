# SPDX-License-Identifier: Apache-2.0
"""Jobs about models: what is told of one, where files may come from, one at a time."""

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from atre.atred.model_jobs import work
from atre.atred.model_jobs.event import Ended, Event, Moved, Refused, Sized, decode, encode
from atre.atred.model_jobs.jobs import ModelJobs
from atre.atred.model_jobs.media import check_source, importable, mounted_media
from atre.atred.model_jobs.record import JobRecord
from atre.errors import ModelProblem, ModelStoreError
from atre.ipc.model_messages import (
    ImportModel,
    JobKind,
    JobOrder,
    JobState,
    ModelJob,
    PullModel,
    VerifyModel,
)
from atre.models import import_files
from atre.models.store import Store

_PATIENCE_S = 30.0


def record(kind: JobKind = JobKind.PULL) -> JobRecord:
    made = JobRecord("1", kind, "essai", now_s=0.0)
    made.hear(Sized(model="essai", size_bytes=1000, done_bytes=200), 1.0)
    return made


def test_rate_and_time_left_are_those_of_the_last_seconds() -> None:
    job = record()
    assert job.report(1.0).rate_bytes_s == 0.0, "what an earlier try fetched took no time"
    assert job.report(1.0).left_s is None
    job.hear(Moved(done_bytes=400), 3.0)
    told = job.report(3.0)
    assert told.rate_bytes_s == pytest.approx(100.0)
    assert told.left_s == pytest.approx(6.0)
    told = job.report(30.0)
    assert (told.rate_bytes_s, told.left_s) == (0.0, None), "the line stands still"
    job.hear(Moved(done_bytes=500), 31.0)
    assert job.report(31.0).rate_bytes_s == pytest.approx(100 / 28, rel=0.01)


def test_a_download_that_starts_over_has_no_negative_rate() -> None:
    job = record()
    job.hear(Moved(done_bytes=800), 2.0)
    job.hear(Moved(done_bytes=0), 3.0)
    told = job.report(4.0)
    assert told.done_bytes == 0
    assert told.rate_bytes_s == 0.0


def test_a_job_ends_once_and_stays_so() -> None:
    done, refused, cancelled, lost = record(), record(), record(), record()
    done.hear(Ended(), 2.0)
    refused.hear(Refused(problem="disk_full", message="The disk is full."), 2.0)
    cancelled.cancel()
    for job in (done, refused, cancelled, lost):
        job.lose()
        job.hear(Moved(done_bytes=3), 3.0)
        job.cancel()
    assert done.report(3.0).state is JobState.DONE
    assert done.report(3.0).done_bytes == 1000
    told = refused.report(3.0)
    assert (told.state, told.problem) == (JobState.FAILED, ModelProblem.DISK_FULL)
    assert cancelled.report(3.0).state is JobState.CANCELLED
    assert lost.report(3.0).problem == ModelProblem.JOB_LOST
    assert "Start it again" in lost.report(3.0).message


def test_what_a_library_prints_is_no_event() -> None:
    for line in (b"\n", b"Downloading...\n", b'{"type": "Other"}\n', b"\xff\n"):
        assert decode(line) is None
    assert decode(encode(Moved(done_bytes=3))) == Moved(done_bytes=3)


MOUNTS = r"""
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 8:17 / /media/usb\040de\040Marie rw shared:2 - vfat /dev/sdb1 rw
31 22 8:33 / /run/media/atre/DISQUE rw - exfat /dev/sdc1 rw
32 22 0:40 / /media/auto rw - autofs systemd-1 rw
33 22 8:49 / /mediatheque rw - ext4 /dev/sdd1 rw
garbage
34 22
"""


def test_media_are_found_where_systems_mount_them() -> None:
    assert mounted_media(MOUNTS) == [
        Path("/media/usb de Marie"),
        Path("/run/media/atre/DISQUE"),
    ]


@pytest.fixture
def stick(tmp_path: Path, tiny_gguf: ModuleType) -> Path:
    folder = tmp_path / "stick"
    (folder / "deep" / "down").mkdir(parents=True)
    tiny_gguf.write_model(folder / "deep" / "Essai.gguf")
    tiny_gguf.write_model(folder / "gros", parts=2)
    (folder / ".hidden.gguf").touch()
    (folder / "seul-00002-of-00002.gguf").touch()
    (folder / "incomplet-00001-of-00002.gguf").touch()
    (folder / "lettre.txt").touch()
    return folder


def test_what_is_on_a_stick_is_listed_each_model_once(stick: Path) -> None:
    found = {model.name: model for model in importable([stick])}
    assert set(found) == {"essai", "gros"}
    assert found["gros"].size_bytes > 10_000
    assert found["essai"].place == str(stick)


def problem_of(path: str, roots: list[Path]) -> ModelProblem:
    with pytest.raises(ModelStoreError) as caught:
        check_source(path, roots)
    return caught.value.problem


def test_nothing_outside_the_media_is_read(stick: Path, tmp_path: Path) -> None:
    roots = [stick]
    assert check_source(str(stick / "deep" / "Essai.gguf"), roots).name == "essai"
    secret = tmp_path / "secret.gguf"
    secret.write_bytes(b"GGUF")
    (stick / "link.gguf").symlink_to(secret)
    (stick / "round.gguf").symlink_to(stick / "round.gguf")
    for path in (secret, stick / "link.gguf", stick / ".." / "secret.gguf"):
        assert problem_of(str(path), roots) is ModelProblem.OUTSIDE
    for name in ("nothing.gguf", "a\0b.gguf", "round.gguf", "seul-00002-of-00002.gguf"):
        assert problem_of(f"{stick}/{name}", roots) is ModelProblem.PATH_UNKNOWN
    assert problem_of(str(stick / "deep"), []) is ModelProblem.OUTSIDE


def test_a_part_that_is_a_link_out_of_the_medium_is_not_read(stick: Path, tmp_path: Path) -> None:
    second = next(stick.glob("gros-00002*"))
    second.rename(tmp_path / "elsewhere.gguf")
    second.symlink_to(tmp_path / "elsewhere.gguf")
    first = next(stick.glob("gros-00001*"))
    assert problem_of(str(first), [stick]) is ModelProblem.OUTSIDE


def carry_out(store: Store, order: ImportModel | VerifyModel) -> list[Event]:
    said: list[Event] = []
    work.work(store, order, said.append)
    return said


def test_an_import_and_a_verification_say_what_they_do(
    stick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_files, "require_room", lambda *_, **__: None)
    store = Store(tmp_path / "models")
    said = carry_out(store, ImportModel(path=str(stick / "deep" / "Essai.gguf"), name="mine"))
    assert isinstance(said[0], Sized)
    assert said[0].model == "mine"
    assert store.names() == ["mine"]
    carry_out(store, VerifyModel(model="mine"))
    (blob,) = store.blobs(store.manifest("mine"))
    blob.chmod(0o600)
    blob.write_bytes(b"rotten")
    with pytest.raises(ModelStoreError) as caught:
        carry_out(store, VerifyModel(model="mine"))
    assert caught.value.problem is ModelProblem.DAMAGED


WAITS = 'import sys; print(\'{"type": "Sized", "model": "x", "size_bytes": 9}\', flush=True)'
WAITS += "; sys.stdin.read()"


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[ModelJobs]:
    """Jobs whose process waits until its daemon ends or cancels it."""
    made = ModelJobs(Store(tmp_path / "models"), tmp_path, program=(sys.executable, "-c", WAITS))
    yield made
    made.close()


def wait(jobs: ModelJobs, state: JobState) -> ModelJob:
    pause = threading.Event()
    for _ in range(int(_PATIENCE_S / 0.01)):
        told = jobs.report()
        if told is not None and told.state is state and (told.size_bytes or state != "running"):
            return told
        pause.wait(0.01)
    raise AssertionError(jobs.report())


def test_one_job_at_a_time_and_the_next_after_a_cancel(jobs: ModelJobs) -> None:
    assert jobs.report() is None
    with pytest.raises(ModelStoreError, match="Nothing is being"):
        jobs.cancel()
    first = jobs.start(PullModel(model="qwen3-4b"), "qwen3-4b")
    assert wait(jobs, JobState.RUNNING).size_bytes == 9
    with pytest.raises(ModelStoreError) as caught:
        jobs.start(VerifyModel(model="x"), "x")
    assert caught.value.problem is ModelProblem.BUSY
    assert jobs.cancel().state is JobState.CANCELLED
    second = jobs.start(VerifyModel(model="x"), "x")
    assert second.id != first.id
    assert second.kind is JobKind.VERIFY
    assert second.state is JobState.RUNNING


def test_a_job_whose_process_dies_has_failed(tmp_path: Path) -> None:
    jobs = ModelJobs(
        Store(tmp_path / "models"), tmp_path, program=(sys.executable, "-c", "raise SystemExit(3)")
    )
    jobs.start(PullModel(model="x"), "x")
    assert wait(jobs, JobState.FAILED).problem == ModelProblem.JOB_LOST
    jobs.close()


def test_orders_cross_as_they_are() -> None:
    order = ImportModel(path="/media/é\u202e.gguf", name=None, base="b")
    assert msgspec.json.decode(msgspec.json.encode(order), type=JobOrder) == order
