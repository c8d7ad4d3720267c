# SPDX-License-Identifier: Apache-2.0
"""A box started as people start it, by the command ``atre serve``, and claimed as they claim it."""

import json
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import Request, urlopen

from atre.plan.planning import factory_model_path

_MODEL = factory_model_path()
LOGIN, PASSWORD = "marie", "quatre mots à la suite"
_START_S = 120  # a busy two-core machine loading the model; a start that fails ends at once
_STOP_S = 20


@dataclass(frozen=True)
class RunningBox:
    """A box that answers: its panel, a key, and the one-time link that claims it."""

    url: str
    key: str
    link: str
    database: Path


@contextmanager
def maries_box(folder: Path, model: Path | None = _MODEL) -> Iterator[RunningBox]:
    """Start ``running_box`` and make it Marie's."""
    with running_box(folder, model) as running:
        claim(running)
        yield running


@contextmanager
def running_box(folder: Path, model: Path | None = _MODEL) -> Iterator[RunningBox]:
    """Start ``atre serve`` as a user would, and stop it as Ctrl-C does.

    ``model`` None leaves the choice to the panel.
    """
    ready_file = folder / "ready.json"
    # fmt: off
    command = [
        str(Path(sys.executable).parent / "atre"), "serve",
        "--data-dir", str(folder / "data"),
        "--port", str(_free_port()),
        "--ready-file", str(ready_file),
        *(["--model", str(model)] if model else []),
    ]
    # fmt: on
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            link = _link_printed_by(process)
            ready = json.loads(ready_file.read_text(encoding="utf-8"))
            yield RunningBox(
                url=ready["panel_url"],
                key=ready["api_key"],
                link=link,
                database=folder / "data" / "atre.db",
            )
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(_STOP_S)


def _link_printed_by(process: subprocess.Popen[str]) -> str:
    """Read what the box prints until it says that Ctrl-C stops it; the rest is drained."""
    lines: queue.Queue[str | None] = queue.Queue()

    def drain() -> None:
        assert process.stdout
        for line in process.stdout:
            lines.put(line)
        lines.put(None)

    threading.Thread(target=drain, daemon=True).start()
    printed = ""
    while "Ctrl-C" not in printed:
        line = lines.get(timeout=_START_S)
        assert line is not None, f"atre serve ended:\n{printed}"
        printed += line
    found = re.search(r"http://\S+/claim\?code=\S+", printed)
    assert found, printed
    return found[0]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def claim(box: RunningBox) -> None:
    """Make the box Marie's, as the form of the claim page would."""
    code = parse_qs(urlsplit(box.link).query)["code"][0]
    form = {"code": code, "name": "Marie Roy", "login": LOGIN, "password": PASSWORD}
    request = Request(  # noqa: S310 -- http on loopback
        f"{box.url}claim",
        data=urlencode(form).encode(),
        headers={"Origin": box.url.rstrip("/"), "Accept": "text/html"},
    )
    with urlopen(request, timeout=_STOP_S) as answer:  # noqa: S310
        assert answer.status == HTTPStatus.OK
