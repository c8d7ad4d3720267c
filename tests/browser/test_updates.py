# SPDX-License-Identifier: Apache-2.0
"""A manager gives the box an update, closes the browser, comes back, and goes back again."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from msgspec.structs import replace
from tests.appliance_stand_in import (
    BACK,
    JOB,
    OFFER,
    RELEASE,
    RETURNED,
    STATES,
    WELL,
    UpdatesStandIn,
)
from tests.browser.lone_panel import lone_panel
from tests.browser.office import Office, add_manager

from atre.sentence import Sentence
from atre_web.accounts.database import connect
from atre_web.updates.blueprint import UPDATES

pytestmark = pytest.mark.browser

PHONE = {"viewport": {"width": 320, "height": 640}, "has_touch": True, "is_mobile": True}
BUNDLE = b"a bundle" * 2**20


@pytest.fixture
def daemon() -> UpdatesStandIn:
    """Finds a version in the file, installs it, and has one to go back to."""
    made = UpdatesStandIn()
    made.becomes = {
        "check": replace(WELL, offer=OFFER),
        "install": replace(WELL, offer=OFFER, job=JOB),
    }
    return made


@pytest.fixture
def panel(daemon: UpdatesStandIn, tmp_path: Path) -> Iterator[Office]:
    with lone_panel(tmp_path, {UPDATES: daemon}) as (url, database):
        add_manager(database)
        yield Office(url, database)


@pytest.mark.parametrize("options", [{}, {"java_script_enabled": False, **PHONE}])
def test_an_update_from_a_file_to_going_back(
    panel: Office,
    visit: Callable[..., Any],
    daemon: UpdatesStandIn,
    tmp_path: Path,
    options: dict[str, Any],
) -> None:
    bundle = tmp_path / "atre-1.5.0.raucb"
    bundle.write_bytes(BUNDLE)
    page = visit(at=panel.url, **options)
    panel.sign_in(page.context, "manager")
    page.goto("/updates")
    page.locator("#bundle").set_input_files(bundle)
    page.locator('form[action="/updates/upload"] button').click()
    page.locator("#offer").wait_for()
    kind, source = daemon.asked[0]
    assert kind == "check"
    assert Path(source.location).read_bytes() == BUNDLE
    page.locator('#offer button[value="now"]').click()
    page.locator("#job progress").wait_for()
    page.close()
    # Somebody else's browser, later.
    page = visit(at=panel.url, **options)
    panel.sign_in(page.context, "manager")
    page.goto("/updates")
    page.locator("#job progress").wait_for()
    daemon.state = STATES["trial"]
    page.locator(".checks .passed").first.wait_for()
    daemon.state = replace(STATES["trial"], trial=None, go_back=BACK)
    page.locator("#job, .checks").wait_for(state="detached")
    page.locator("summary").last.click()
    page.locator('[name="sure"]').check()
    page.locator('form[action="/updates/back"] button').click()
    page.locator("p.done").wait_for()
    assert [verb for verb, _ in daemon.asked] == ["check", "install", "go_back"]
    with closing(connect(panel.database)) as connection:
        actions = [row[0] for row in connection.execute("SELECT action FROM audit ORDER BY id")]
    assert actions == ["update.upload", "update.install", "update.back"]


def test_what_a_bundle_says_of_itself_is_text(
    panel: Office, visit: Callable[..., Any], daemon: UpdatesStandIn, hostile: ModuleType
) -> None:
    page = visit(at=panel.url, init_script=hostile.WATCH)
    panel.sign_in(page.context, "manager")
    texts = [*hostile.MARKUP, *hostile.CONTROLS]
    release = replace(RELEASE, version="|".join(texts))
    changes = [Sentence(text, text) for text in texts]
    offer = replace(OFFER, location="|".join(texts), release=replace(release, changes=changes))
    failed = replace(RETURNED, version="|".join(texts), log="\n".join(texts))
    daemon.state = replace(WELL, version=texts[0], offer=offer, last_return=failed)
    for path in ("/updates", "/admin"):
        page.goto(path)
        page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
        assert page.evaluate(hostile.TRACES) == hostile.UNTOUCHED, path
