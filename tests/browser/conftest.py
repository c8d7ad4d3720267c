# SPDX-License-Identifier: Apache-2.0
"""A real box with the factory model, and Chromium watched for errors and foreign requests."""

import importlib.util
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
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urldefrag, urlencode, urlsplit
from urllib.request import Request, urlopen

import pytest
from tests.integration import nut

import atre

if TYPE_CHECKING:
    from playwright import sync_api
    from tests.browser.office import Office
    from tests.browser.screens import Screen


def _load(name: str) -> ModuleType:
    # importlib mode puts no test folder on sys.path.
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


screens_module = _load("screens")
office_module = _load("office")
lone_panel_module = _load("lone_panel")

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
    database: Path


# What the office's UPS says of itself.
UPS = {
    "ups.status": "OL", "ups.load": "20", "ups.realpower.nominal": "330",
    "battery.charge": "97", "battery.runtime": "1260", "ups.mfr": "Made", "ups.model": "Up 650",
}  # fmt: skip

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
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=_flags())
        yield browser
        browser.close()


@pytest.fixture
def profile(
    chromium: "sync_api.Browser", tmp_path: Path
) -> "Iterator[Callable[..., sync_api.BrowserContext]]":
    """Start a Chromium that keeps what it learns, as people have it; ``visit``'s forgets it."""
    with ExitStack() as stack:

        def start(**options: Any) -> "sync_api.BrowserContext":
            context = chromium.browser_type.launch_persistent_context(
                tmp_path / "profile", executable_path=str(CHROMIUM), args=_flags(), **options
            )
            stack.callback(context.close)
            return context

        yield start


def _flags() -> list[str]:
    # Chromium's sandbox refuses to run as root.
    return [*_FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]


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
        url = urldefrag(message.location["url"]).url  # a response has no fragment
        # Chromium reports the status of a page that refuses as an error.
        if url in self._login_pages or {"*", urlsplit(url).path} & set(self._may_fail):
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

    ``may_fail`` lists the paths whose failure the test itself arranges, ``*`` for any; ``at`` is
    another panel, ``init_script`` runs in each page before its own.
    """
    contexts = []
    watches: list[Watch] = []

    def open_profile(
        *,
        may_fail: list[str] | None = None,
        at: str = box.url,
        init_script: str = "",
        **options: Any,
    ) -> "sync_api.Page":
        given = {"locale": "fr-FR", "viewport": {"width": 1200, "height": 800}} | options
        context = chromium.new_context(base_url=at, **given)
        context.set_default_timeout(_PATIENCE_MS)
        contexts.append(context)
        context.add_init_script(init_script)
        page = context.new_page()
        watches.append(Watch(page, at, may_fail or []))
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


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for a ``screen`` once for each."""
    if "screen" in metafunc.fixturenames:
        every = screens_module.SCREENS
        metafunc.parametrize("screen", every, ids=[screen.name for screen in every])


@pytest.fixture(scope="session")
def screens() -> ModuleType:
    """The module of that name: the list of all pages."""
    return screens_module


@pytest.fixture(scope="session")
def hostile() -> ModuleType:
    """The module of that name."""
    return _load("hostile")


@pytest.fixture(scope="session")
def icons() -> ModuleType:
    """The module of that name."""
    return _load("icons")


@pytest.fixture(scope="module")
def offices(
    box: RunningBox, tmp_path_factory: pytest.TempPathFactory
) -> "Iterator[dict[str, Office]]":
    """Where each kind of screen is found."""
    with ExitStack() as stack:
        found = {"office": office_module.move_in(box.url, box.database)}
        if nut.IS_HERE:
            folder = tmp_path_factory.mktemp("nut")
            ups = stack.enter_context(nut.make_nut(folder, UPS).running())
            office_module.power_up(box.database.parent, ups.port)
            office_module.ask(box.url, box.key)
        for name in ("unclaimed", "stopped"):
            panel = lone_panel_module.lone_panel(tmp_path_factory.mktemp(name))
            found[name] = office_module.Office(*stack.enter_context(panel))
        office_module.add_manager(found["stopped"].database)
        yield found


@pytest.fixture
def show(visit: Visit, offices: "dict[str, Office]") -> Visit:
    """Open a fresh profile on a screen, as who may see it: ``show(screen, locale="fr-FR")``."""

    def open_screen(screen: "Screen", **options: Any) -> "sync_api.Page":
        office = offices[screen.host]
        path = screen.path.format(**office.places)
        page = visit(**{"at": office.url, "may_fail": [urlsplit(path).path]} | options)
        if screen.reader != "nobody":
            office.sign_in(page.context, screen.reader)
        page.goto(path)
        if screen.act:
            screen.act(page)
        return page

    return open_screen


@pytest.fixture(scope="session")
def serve_box() -> Callable[..., AbstractContextManager[RunningBox]]:
    """``running_box``, for Marie's boxes of other options."""

    @contextmanager
    def serve(folder: Path, model: Path | None = _FACTORY_MODEL) -> Iterator[RunningBox]:
        with running_box(folder, model) as running:
            claim(running)
            yield running

    return serve


@pytest.fixture(scope="session")
def serve_unclaimed() -> Callable[..., AbstractContextManager[RunningBox]]:
    """``running_box``: one more that is nobody's."""
    return running_box


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


@pytest.fixture
def enter_temporary(enter: Callable[..., Any]) -> Callable[..., Any]:
    """Open a chat of which nothing is kept: its stream can be replaced by one of the test's."""

    def open_chat(**options: Any) -> Any:
        page = enter(**options)
        page.goto("/?temporary")
        page.locator("#attach").wait_for()  # the page's script has begun
        return page

    return open_chat
