# SPDX-License-Identifier: Apache-2.0
"""From a box that has no backups to one that needs nobody, and a new box that becomes it."""

from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from atre_web.accounts.database import connect

if TYPE_CHECKING:
    from playwright.sync_api import Page

PASSWORD = "quatre mots à la suite"
Visit = Callable[..., "Page"]

pytest.importorskip("playwright.sync_api")


@pytest.fixture(scope="module")
def box(own_box: Any) -> Any:
    """A box that knows of no backup."""
    return own_box


def test_a_backup_is_made_proven_and_brought_back_on_a_new_box(
    enter: Visit, box: Any, chromium: Any, tmp_path: Path, serve_unclaimed: Callable[..., Any]
) -> None:
    disk, folder = tmp_path / "disk", tmp_path / "new"
    disk.mkdir()
    folder.mkdir()
    page = enter()
    page.goto("/admin")
    assert page.locator(".traffic.attention").count() == 1
    _back_up_and_prove(page, disk)
    key = _print_and_type_back(page)
    page.goto("/admin")
    page.locator(".traffic.good").wait_for()
    # The sheet was made after that backup: the next one lets its key in.
    page.goto("/backups")
    _run(page, "create")
    with closing(connect(box.database)) as connection:
        actions = {row[0] for row in connection.execute("SELECT action FROM audit")}
    assert actions >= {"backup.create", "backup.drill", "backup.sheet.confirm"}

    with serve_unclaimed(folder) as new:
        visitor = chromium.new_context(base_url=new.url, locale="fr-FR", java_script_enabled=False)
        page = visitor.new_page()
        page.goto(new.link.replace("/claim?", "/claim/restore?"))
        _restore(page, disk, key)
        _await_owner(page)
        visitor.close()


def _back_up_and_prove(page: "Page", disk: Path) -> None:
    page.goto("/backups")
    page.locator("summary").first.click()
    page.locator("#path").fill(str(disk))
    page.locator("#folder-label").fill("Armoire")
    page.locator("#folder-label").press("Enter")
    page.locator("p.done").wait_for()
    _run(page, "create")
    _run(page, "drill")


def _run(page: "Page", verb: str) -> None:
    """The script draws the page anew once the job is over."""
    page.locator(f'form[action="/backups/{verb}"] button').click()
    page.locator("#job.doing:not(:has(progress))").wait_for()


def _print_and_type_back(page: "Page") -> str:
    page.goto("/backups/sheet")
    page.locator("#current").fill(PASSWORD)
    page.locator("#current").press("Enter")
    key = page.locator(".sheet .key").inner_text()
    page.locator("#key").fill(key.lower())
    page.locator("#key").press("Enter")
    page.locator("p.done").wait_for()
    return key


def _restore(page: "Page", disk: Path, key: str) -> None:
    """As a person does, without JavaScript; a wrong key may be typed again."""
    page.locator("button.primary").click()  # the link holds the code
    page.locator("#path").fill(str(disk))
    page.locator("#key").fill("une clé qui n’ouvre rien")
    page.locator("button.primary").click()
    page.get_by_role("alert").wait_for()
    page.locator("#key").fill(key)
    page.locator("button.primary").click()
    page.locator("ul button").first.click()
    page.locator("main button.primary").click()
    while not page.locator('input[name=step][value="apply"]').count():
        page.locator("main button.primary").click()
    page.locator("main button.primary").click()
    assert "redémarre" in page.locator("main").inner_text()


def _await_owner(page: "Page") -> None:
    """Until the box has started anew as Marie's: then it is not claimed, but signed in to."""
    from playwright.sync_api import Error  # noqa: PLC0415 -- where it is installed only

    for _ in range(600):
        with suppress(Error):  # it is down for a moment
            if page.request.get("/claim").url.endswith("/login"):
                return
        page.wait_for_timeout(100)
    pytest.fail("the new box never became the old one")
