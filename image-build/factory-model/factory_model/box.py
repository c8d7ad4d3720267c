# SPDX-License-Identifier: Apache-2.0
"""A box of its own for the evaluation: the command that people run, in a folder that goes away."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

from factory_model.evaluation import Reply

_START_TIMEOUT_S = 120.0
_POLL_S = 0.1
_ANSWER_TIMEOUT_S = 120.0


class Asker:
    """Asks the box over its API, on one connection."""

    def __init__(self, port: int, key: str) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=_ANSWER_TIMEOUT_S)
        self._key = key

    def ask(self, text: str) -> Reply:
        """One question, as somebody who says nothing else."""
        choice = self._post(text)["choices"][0]
        origin = choice.get("atre") or {"source": None, "suggestions": []}
        return Reply(
            text=choice["message"]["content"],
            source=origin["source"] and origin["source"]["page"],
            suggestions=tuple(page["page"] for page in origin["suggestions"]),
        )

    def tokens_per_s(self, text: str) -> float:
        """Tokens of the answer by the time from asking to its end, everything included."""
        started = time.monotonic()
        tokens: int = self._post(text)["usage"]["completion_tokens"]
        return tokens / (time.monotonic() - started)

    def _post(self, text: str) -> Any:
        body = json.dumps({"messages": [{"role": "user", "content": text}]})
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        self._connection.request("POST", "/v1/chat/completions", body, headers)
        response = self._connection.getresponse()
        data = response.read()
        if response.status != 200:  # noqa: PLR2004
            raise RuntimeError(f"the box answers {response.status}: {data[:300]!r}")
        return json.loads(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._connection.close()


@contextmanager
def running_box(model: Path) -> Iterator[Asker]:
    """A box that answers with ``model``; it ends with the block."""
    with TemporaryDirectory() as folder, (Path(folder) / "log").open("wb") as log:
        ready, port = Path(folder) / "ready.json", _free_port()
        command = Path(sys.executable).with_name("atre")
        arguments = [
            command, "serve", "--data-dir", Path(folder) / "data", "--ready-file", ready,
            "--port", str(port), "--model", model,
        ]  # fmt: skip
        process = subprocess.Popen(arguments, stdout=log, stderr=log)
        try:
            key = json.loads(_wait_for(ready, process))["api_key"]
            with Asker(port, key) as asker:
                yield asker
        finally:
            process.terminate()
            process.wait()


def _wait_for(ready: Path, process: "subprocess.Popen[bytes]") -> str:
    deadline_s = time.monotonic() + _START_TIMEOUT_S
    while not ready.exists():
        if process.poll() is not None or time.monotonic() > deadline_s:
            raise RuntimeError("the box did not start; run 'atre serve' to see why")
        time.sleep(_POLL_S)
    return ready.read_text(encoding="utf-8")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
