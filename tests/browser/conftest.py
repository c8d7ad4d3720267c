# SPDX-License-Identifier: Apache-2.0
"""A real box with the factory model, and Chromium watched for errors and foreign requests."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urldefrag, urlsplit

import pytest
from tests.appliance_stand_in import played
from tests.browser import hostile as hostile_module
from tests.browser import icons as icons_module
from tests.browser import office as office_module
from tests.browser import screens as screens_module
from tests.browser.box_process import LOGIN, PASSWORD, RunningBox, maries_box, running_box
from tests.browser.lone_panel import lone_panel
from tests.integration import nut

if TYPE_CHECKING:
    from playwright import sync_api
    from tests.browser.office import Office
    from tests.browser.screen import Screen


CHROMIUM = Path("/usr/bin/chromium")
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


# What the office's UPS says of itself.
UPS = {
    "ups.status": "OL", "ups.load": "20", "ups.realpower.nominal": "330",
    "battery.charge": "97", "battery.runtime": "1260", "ups.mfr": "Made", "ups.model": "Up 650",
}  # fmt: skip


_Shared = TypeVar("_Shared")
_BOX = pytest.StashKey[RunningBox]()
_CHROMIUM = pytest.StashKey["sync_api.Browser"]()


def _for_all_files(
    request: pytest.FixtureRequest,
    key: pytest.StashKey[_Shared],
    begin: Callable[[], AbstractContextManager[_Shared]],
) -> _Shared:
    """What ``begin`` enters, once for the files of this folder, and left after the last of them.

    A session's fixture would still be there for other folders' tests.
    """
    folder: pytest.Directory | None = request.node.getparent(pytest.Directory)
    assert folder
    if key not in folder.stash:
        stack = ExitStack()
        folder.stash[key] = stack.enter_context(begin())
        stack.callback(folder.stash.__delitem__, key)
        folder.addfinalizer(stack.close)
    return folder.stash[key]


@pytest.fixture(scope="module")
def box(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> RunningBox:
    """Marie's box, as the tests before left it. Who minds that takes ``own_box`` for its file."""
    return _for_all_files(request, _BOX, lambda: maries_box(tmp_path_factory.mktemp("box")))


@pytest.fixture(scope="module")
def own_box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBox]:
    """A box of Marie's that only one file of tests knows."""
    with maries_box(tmp_path_factory.mktemp("own-box")) as running:
        yield running


# Not wider: Playwright keeps an event loop running in this thread, and other tests run their own.
@pytest.fixture(scope="module")
def chromium(request: pytest.FixtureRequest) -> "sync_api.Browser":
    """Chromium without anything that calls home."""
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed (Debian package chromium)")
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    return _for_all_files(request, _CHROMIUM, _launch)


@contextmanager
def _launch() -> "Iterator[sync_api.Browser]":
    from playwright import sync_api  # noqa: PLC0415 -- where it is installed only

    with sync_api.sync_playwright() as playwright:
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
    return hostile_module


@pytest.fixture(scope="session")
def icons() -> ModuleType:
    """The module of that name."""
    return icons_module


@pytest.fixture(scope="module")
def lone_offices(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[dict[str, Office]]":
    """Where those screens are found that need no box."""
    found = {}
    with ExitStack() as stack:
        for name in ("unclaimed", "stopped"):
            panel = lone_panel(tmp_path_factory.mktemp(name))
            found[name] = office_module.Office(*stack.enter_context(panel))
        office_module.add_manager(found["stopped"].database)
        for name, stand_ins in played().items():
            panel = lone_panel(tmp_path_factory.mktemp(name), stand_ins)
            found[name] = office_module.Office(*stack.enter_context(panel))
            office_module.add_manager(found[name].database, PASSWORD)
        office_module.tell_of_presence(found["trial"].database)
        yield found


@pytest.fixture(scope="module")
def offices(
    own_box: RunningBox,
    lone_offices: "dict[str, Office]",
    tmp_path_factory: pytest.TempPathFactory,
) -> "Iterator[dict[str, Office]]":
    """Where each kind of screen is found."""
    with ExitStack() as stack:
        office = office_module.move_in(own_box.url, own_box.database)
        if nut.IS_HERE:
            folder = tmp_path_factory.mktemp("nut")
            ups = stack.enter_context(nut.make_nut(folder, UPS).running())
            office_module.power_up(own_box.database.parent, ups.port)
            office_module.ask(own_box.url, own_box.key)
        yield lone_offices | {"office": office}


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
    """For Marie's boxes of other options."""
    return maries_box


@pytest.fixture(scope="session")
def serve_unclaimed() -> Callable[..., AbstractContextManager[RunningBox]]:
    """``running_box``: one more that is nobody's."""
    return running_box


@pytest.fixture
def enter_temporary(enter: Callable[..., Any]) -> Callable[..., Any]:
    """Open a chat of which nothing is kept: its stream can be replaced by one of the test's."""

    def open_chat(**options: Any) -> Any:
        page = enter(**options)
        page.goto("/?temporary")
        page.locator("#attach").wait_for()  # the page's script has begun
        return page

    return open_chat
