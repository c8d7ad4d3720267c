# SPDX-License-Identifier: Apache-2.0
"""Processes with models in a unit of their own, which systemd's own listener starts here."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from atre.box.own_unit import UnitProcess
from atre.box.supervisor import ChildSpec, Supervisor
from atre.config import Config, load, save
from atre.errors import EngineError, EngineUnavailableError
from atre.ipc.embedder_client import EmbedderClient
from atre.model_process import without_model
from atre.sentence import Sentence

_NAME = "atre-embedder"
_NO_MODEL = Sentence("No model in this test.", "Pas de modèle dans ce test.")
_ENTRY = [sys.executable, "-m", "atre.box.unit_entry"]

needs_listener = pytest.mark.skipif(
    not shutil.which("systemd-socket-activate"), reason="systemd is not installed"
)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    config = Config(
        data_dir=tmp_path / "data",
        runtime_dir=tmp_path / "run",
        profiles_dir=tmp_path,
        model_unit=tmp_path / "door.sock",
    )
    config.runtime_dir.mkdir()
    save(config, tmp_path / "config.json")
    return load(tmp_path / "config.json")


@pytest.fixture
def listener(config: Config) -> Iterator[Callable[..., None]]:
    """Listens at the door as ``atre-engine.socket`` does, ``prefix`` before what it starts."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*prefix: str) -> None:
        assert config.model_unit
        process = subprocess.Popen(
            ["systemd-socket-activate", "--accept", "--inetd", "--seqpacket",
             f"--listen={config.model_unit}", *_setenv("PYTHONPATH", "PATH"), *prefix, *_ENTRY],
            stderr=subprocess.PIPE,
        )  # fmt: skip
        started.append(process)
        assert process.stderr
        while b"Listening on" not in process.stderr.readline():
            assert process.poll() is None

    yield start
    for process in started:
        process.terminate()
        process.wait(10)
        assert process.stderr
        process.stderr.close()


def _setenv(*names: str) -> list[str]:
    return [f"--setenv={name}={os.environ.get(name, '')}" for name in names]


def _spec(config: Config, tmp_path: Path) -> ChildSpec:
    argv = [sys.executable, "-m", "atre.embedder.process", "--lifeline"]
    argv += ["--config", str(tmp_path / "config.json"), *without_model(_NO_MODEL)]
    return ChildSpec(_NAME, argv, config.model_unit)


def _run(config: Config, spec: ChildSpec, on_ready: Callable[[Supervisor], None]) -> None:
    """Supervise until ``on_ready`` was called with the child ready, and had it finish."""

    def on_change(name: str) -> None:
        if supervisor.is_ready(name):
            on_ready(supervisor)

    supervisor = Supervisor(config.runtime_dir, on_change, logs_dir=config.logs_dir)
    try:
        supervisor.start(spec)
        supervisor.run()
    finally:
        supervisor.close()


@needs_listener
def test_a_process_in_its_own_unit_serves_is_replaced_when_it_dies_and_ends_with_the_box(
    config: Config,
    tmp_path: Path,
    listener: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    listener()
    seen: list[int] = []

    def on_ready(supervisor: Supervisor) -> None:
        with pytest.raises(EngineError, match=_NO_MODEL.text):
            EmbedderClient(config.embedder_socket).describe()
        process = supervisor._children[_NAME].process
        assert isinstance(process, UnitProcess)
        process.poll()
        assert process.pid
        seen.append(process.pid)
        if len(seen) == 1:
            os.kill(process.pid, signal.SIGKILL)
        else:
            supervisor.finish()

    _run(config, _spec(config, tmp_path), on_ready)
    assert len(set(seen)) == 2
    with pytest.raises(EngineUnavailableError):  # it ended with the box
        EmbedderClient(config.embedder_socket).describe()
    assert "killing it" not in caplog.text
    log = (config.logs_dir / f"{_NAME}.log").read_text()
    assert _NO_MODEL.text in log, "what it writes is kept as of any child"
    assert "ended (the journal of its unit says how)" in log


@needs_listener
@pytest.mark.namespaces
@pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace needs root")
def test_the_box_reaches_a_process_that_has_no_network(
    config: Config, tmp_path: Path, listener: Callable[..., None]
) -> None:
    listener("unshare", "--net")
    seen: list[str] = []

    def on_ready(supervisor: Supervisor) -> None:
        with pytest.raises(EngineError, match=_NO_MODEL.text):
            EmbedderClient(config.embedder_socket).describe()
        process = supervisor._children[_NAME].process
        assert isinstance(process, UnitProcess)
        process.poll()
        seen.append(Path(f"/proc/{process.pid}/net/dev").read_text())
        supervisor.finish()

    _run(config, _spec(config, tmp_path), on_ready)
    interfaces = [line.split(":")[0].strip() for line in seen[0].splitlines()[2:]]
    assert interfaces == ["lo"]


@needs_listener
def test_the_unit_runs_nothing_but_processes_with_models(
    config: Config, listener: Callable[..., None]
) -> None:
    listener()
    assert config.model_unit
    process = UnitProcess(config.model_unit, [sys.executable, "-m", "http.server"], {})
    assert process.wait(30) == 1
    assert process.pid is None
    process.close()
    process.stderr.close()


def test_a_unit_that_is_not_there_is_a_process_that_ended_and_says_so(tmp_path: Path) -> None:
    process = UnitProcess(tmp_path / "none.sock", ["python", "-m", "atre.engine.process"], {})
    assert process.wait(5) == 1
    assert b"none.sock does not start it: " in process.stderr.read()
    process.kill()
    process.close()
    process.stderr.close()
