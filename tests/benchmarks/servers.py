# SPDX-License-Identifier: Apache-2.0
"""Starts and stops the two servers, and asks ``atre bench`` to measure whichever runs."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import click
import msgspec
from tests.benchmarks.llama_server import Peer
from tests.benchmarks.random_model import RandomModel

from atre.bench.report import Report
from atre.config import default_runtime_dir
from atre.engine_plan import EnginePlan

_ATRE = str(Path(sys.executable).with_name("atre"))
_NUM_PEOPLE = 8
_START_TIMEOUT_S = 120.0
_STOP_TIMEOUT_S = 30.0
_POLL_S = 0.1


@dataclass(frozen=True)
class Running:
    """A server that answers at ``url``, with a key for each person, and its process."""

    url: str
    keys: Sequence[str]
    process: "subprocess.Popen[bytes]"
    argv: Sequence[str]


class Box:
    """``atre serve`` on a data directory of its own, as anybody starts it."""

    def __init__(self, directory: Path, model: RandomModel) -> None:
        self.data_dir = directory / "data"
        self._directory = directory
        self._ready_file = directory / "ready.json"
        self._model = model
        self._keys: list[str] = []

    @property
    def plan(self) -> EnginePlan:
        """How the engine runs the model on this machine; known once it has started."""
        return msgspec.json.decode(self.runtime("engine-plan.json").read_bytes(), type=EnginePlan)

    def runtime(self, name: str) -> Path:
        """A file that the box left for its children."""
        return default_runtime_dir(self.data_dir) / name

    @contextmanager
    def running(self) -> Iterator[Running]:
        port = free_port()
        argv = [
            _ATRE, "serve", "--data-dir", str(self.data_dir), "--port", str(port),
            "--model", str(self._model.path), "--ready-file", str(self._ready_file),
        ]  # fmt: skip
        self._ready_file.unlink(missing_ok=True)
        with _process(argv, self._directory / "atre.log") as process:
            _wait(process, self._ready_file.exists, "atre serve")
            if not self._keys:
                self._keys = [self._make_key(f"person-{n}") for n in range(_NUM_PEOPLE)]
            yield Running(f"http://127.0.0.1:{port}/v1", self._keys, process, argv)

    def _make_key(self, name: str) -> str:
        argv = [_ATRE, "key", "create", name, "--data-dir", str(self.data_dir), "--json"]
        key: str = json.loads(_output(argv))["key"]
        return key


@contextmanager
def llama_server(
    peer: Peer, model: RandomModel, plan: EnginePlan, *, num_slots: int, log: Path
) -> Iterator[Running]:
    """llama-server with its own defaults, but with our threads, context and kind of KV cache."""
    port = free_port()
    flash = {None: "auto", True: "on", False: "off"}[plan.flash_attention]
    argv = [
        str(peer.binary), "--model", str(model.path), "--host", "127.0.0.1", "--port", str(port),
        "--ctx-size", str(plan.n_ctx), "--parallel", str(num_slots),
        "--threads", str(plan.threads), "--threads-batch", str(plan.threads_batch),
        "--flash-attn", flash, "--cache-type-k", plan.kv_type, "--cache-type-v", plan.kv_type,
        "--n-gpu-layers", str(plan.n_gpu_layers),
    ]  # fmt: skip
    with _process(argv, log) as process:
        _wait(process, lambda: _answers(f"http://127.0.0.1:{port}/health"), "llama-server")
        yield Running(f"http://127.0.0.1:{port}/v1", [], process, argv)


def measure(
    server: Running,
    model: RandomModel,
    text: Path,
    *,
    scenarios: Sequence[str],
    concurrency: Sequence[int] = (1,),
) -> Report:
    """One round of ``atre bench``, in a process of its own."""
    argv = [
        _ATRE, "bench", "--json", "--url", server.url, "--rounds", "1",
        "--scenario", ",".join(scenarios), "--concurrency", ",".join(map(str, concurrency)),
        "--text", str(text), "--end-token", str(model.end_token),
        "--model-bytes", str(model.step_bytes),
    ]  # fmt: skip
    for key in server.keys:
        argv += ["--key", key]
    return msgspec.json.decode(_output(argv), type=Report)


def free_port() -> int:
    """A TCP port of loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _process(argv: Sequence[str], log: Path) -> "Iterator[subprocess.Popen[bytes]]":
    with log.open("ab") as output:
        process = subprocess.Popen(argv, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: "subprocess.Popen[bytes]", is_ready: Callable[[], bool], name: str) -> None:
    deadline_s = time.monotonic() + _START_TIMEOUT_S
    while not is_ready():
        if process.poll() is not None or time.monotonic() > deadline_s:
            raise click.ClickException(f"{name} did not start; its log is in the work directory.")
        time.sleep(_POLL_S)


def _answers(url: str) -> bool:
    with suppress(URLError, OSError), urlopen(url, timeout=1) as reply:  # noqa: S310 -- loopback
        return bool(reply.status == 200)
    return False


def _output(argv: Sequence[str]) -> bytes:
    done = subprocess.run(argv, check=False, capture_output=True)
    if done.returncode != 0:
        raise click.ClickException(done.stderr.decode().strip())
    return done.stdout
