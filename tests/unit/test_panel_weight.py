# SPDX-License-Identifier: Apache-2.0
"""What the pages load: little, and nothing from elsewhere."""

import re
from pathlib import Path

import atre_web


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
