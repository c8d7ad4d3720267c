# SPDX-License-Identifier: Apache-2.0
"""What the pages load: little, and nothing from elsewhere."""

import gzip
import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

import atre_web
from atre_web.panel import compression


@pytest.fixture
def panel() -> FlaskClient:
    """The panel's static files alone."""
    app = Flask("atre_web")
    compression.install(app)
    return app.test_client()


def test_the_scripts_of_any_page_weigh_less_than_their_budget() -> None:
    root = Path(atre_web.__file__).parent
    common = scripts_of(root, "_page.html")
    for template in (root / "templates").glob("*.html"):
        needed = common | scripts_of(root, template.name)
        assert sum(script.stat().st_size for script in needed) <= 120_000, template.name
    named = {
        each for page in (root / "templates").glob("*") for each in scripts_of(root, page.name)
    }
    assert named == set((root / "static").rglob("*.js")), "a script that no page loads"


def scripts_of(root: Path, template: str) -> set[Path]:
    """The scripts that a template names, and all that those import."""
    found: set[Path] = set()
    page = (root / "templates" / template).read_text(encoding="utf-8")
    waiting = [root / "static" / name for name in re.findall(r"filename='([\w./]+\.js)'", page)]
    while waiting:
        script = waiting.pop()
        if script not in found:
            found.add(script)
            imported = re.findall(
                r'(?:from|import) "(\.[\w./]+)"', script.read_text(encoding="utf-8")
            )
            waiting += [(script.parent / name).resolve() for name in imported]
    return found


def test_no_file_of_the_panel_names_another_host() -> None:
    root = Path(atre_web.__file__).parent
    own = [*root.glob("templates/*"), *root.glob("static/*.*"), *root.glob("static/js/*")]
    assert len(own) > 15
    for path in own:
        hosts = set(re.findall(r"https?://[\w.-]+", path.read_bytes().decode("latin-1")))
        assert hosts <= {"http://www.w3.org"}, path.name


def test_all_scripts_together_weigh_less_than_the_budget_on_the_wire(panel: FlaskClient) -> None:
    root = Path(atre_web.__file__).parent / "static"
    sent = 0
    for script in root.rglob("*.js"):
        path = f"/static/{script.relative_to(root).as_posix()}"
        answer = panel.get(path, headers={"Accept-Encoding": "gzip"}, buffered=True)
        assert answer.headers["Content-Encoding"] == "gzip", path
        assert gzip.decompress(answer.data) == script.read_bytes()
        sent += len(answer.data)
    assert 0 < sent <= 120_000


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/static/js/chat.js", {}),
        ("/static/js/chat.js", {"Accept-Encoding": "gzip;q=0"}),
        ("/static/js/chat.js", {"Accept-Encoding": "gzip", "Range": "bytes=0-9"}),
        ("/static/icon.svg", {"Accept-Encoding": "gzip"}),
        ("/static/js/none.js", {"Accept-Encoding": "gzip"}),
        ("/static/js/../../app.js", {"Accept-Encoding": "gzip"}),
    ],
)
def test_what_was_not_asked_for_is_not_compressed(
    panel: FlaskClient, path: str, headers: dict[str, str]
) -> None:
    assert "Content-Encoding" not in panel.get(path, headers=headers, buffered=True).headers


def test_a_browser_that_has_a_script_is_not_sent_it_again(panel: FlaskClient) -> None:
    asked = {"Accept-Encoding": "gzip"}
    first = panel.get("/static/js/chat.js", headers=asked, buffered=True)
    assert "Accept-Encoding" in first.headers["Vary"]
    known = asked | {"If-None-Match": first.headers["ETag"]}
    again = panel.get("/static/js/chat.js", headers=known, buffered=True)
    assert (again.status_code, again.data) == (304, b"")
