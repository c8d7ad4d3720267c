# SPDX-License-Identifier: Apache-2.0
"""A real box with the factory model, and Chromium watched for errors and foreign requests."""

import json
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import Request, urlopen

import pytest

import atre

if TYPE_CHECKING:
    from playwright import sync_api

CHROMIUM = Path("/usr/bin/chromium")
_FACTORY_MODEL = Path(atre.__file__).parent / "models" / "factory.gguf"
_START_S = 120  # a busy two-core machine loading the model; a start that fails ends at once
_STOP_S = 20
_PATIENCE_MS = 60_000  # an upper bound: other test processes may share the two cores
_REFUSALS = {400, 401, 403, 410, 429}
_FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass(frozen=True)
class RunningBox:
    """A box that answers: its panel, a key, and the one-time link that claims it."""

    url: str
    key: str
    link: str


LOGIN, PASSWORD = "marie", "quatre mots à la suite"


@pytest.fixture(scope="module")
def new_box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBox]:
    """One box for a file of tests, which is nobody's yet."""
    with running_box(tmp_path_factory.mktemp("box")) as running:
        yield running


@pytest.fixture(scope="module")
def box(new_box: RunningBox) -> RunningBox:
    """The same, as Marie's."""
    claim(new_box)
    return new_box


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


# Not wider: Playwright keeps an event loop running in this thread, and other tests run their own.
@pytest.fixture(scope="module")
def chromium() -> Iterator["sync_api.Browser"]:
    """Chromium without anything that calls home."""
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed (Debian package chromium)")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    # Chromium's sandbox refuses to run as root.
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=[*_FLAGS, *sandbox]
        )
        yield browser
        browser.close()


class Watch:
    """What went wrong in one page: console errors, exceptions, requests to other hosts."""

    def __init__(self, page: "sync_api.Page", own: str, may_fail: list[str]) -> None:
        self._own = urlsplit(own).netloc
        self._may_fail = may_fail
        self._login_pages: set[str] = set()
        self.problems: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.problems.append(f"exception: {error}"))
        page.on("request", self._request)
        page.on("response", self._response)

    def _console(self, message: "sync_api.ConsoleMessage") -> None:
        url = message.location["url"]
        # Chromium reports the status of a page that refuses as an error.
        if url in self._login_pages or urlsplit(url).path in self._may_fail:
            return
        if message.type in {"error", "warning"}:
            self.problems.append(f"{message.type}: {message.text}")

    def _request(self, request: "sync_api.Request") -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in {"data", "blob"} and parts.netloc != self._own:
            self.problems.append(f"request to {request.url}")

    def _response(self, response: "sync_api.Response") -> None:
        if response.request.is_navigation_request() and response.status in {
            400,
            401,
            403,
            410,
            429,
        }:
            self._login_pages.add(response.url)


Visit = Callable[..., "sync_api.Page"]


@pytest.fixture
def visit(chromium: "sync_api.Browser", box: RunningBox) -> Iterator[Visit]:
    """Open a fresh browser profile; the test fails if any page of it complained.

    ``may_fail`` lists the paths whose failure the test itself arranges.
    """
    contexts = []
    watches: list[Watch] = []

    def open_profile(*, may_fail: list[str] | None = None, **options: Any) -> "sync_api.Page":
        given = {"locale": "fr-FR", "viewport": {"width": 1200, "height": 800}} | options
        context = chromium.new_context(base_url=box.url, **given)
        context.set_default_timeout(_PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()
        watches.append(Watch(page, box.url, may_fail or []))
        return page

    yield open_profile
    for context in contexts:
        context.close()
    assert [problem for watch in watches for problem in watch.problems] == []


@pytest.fixture
def enter(visit: Visit) -> Visit:
    """Open a fresh profile and sign in as Marie."""

    def log_in(**options: Any) -> "sync_api.Page":
        page = visit(**options)
        page.goto("/login")
        page.locator("#login").fill(LOGIN)
        page.locator("#password").fill(PASSWORD)
        page.locator("#password").press("Enter")
        page.locator("#suggestions").wait_for()
        return page

    return log_in


@pytest.fixture(scope="session")
def serve_box() -> Callable[..., AbstractContextManager[RunningBox]]:
    """``running_box``, for Marie's boxes of other options."""

    @contextmanager
    def serve(folder: Path, model: Path | None = _FACTORY_MODEL) -> Iterator[RunningBox]:
        with running_box(folder, model) as running:
            claim(running)
            yield running

    return serve


@contextmanager
def running_box(folder: Path, model: Path | None = _FACTORY_MODEL) -> Iterator[RunningBox]:
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
            yield RunningBox(url=ready["panel_url"], key=ready["api_key"], link=link)
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
