# SPDX-License-Identifier: Apache-2.0
"""House rules that no linter knows."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from atre.cli import main as atre
from atre_web.openai.errors import TABLE, row_of

ROOT = Path(__file__).parents[2]
MAX_LINES = 400
SPDX = "# SPDX-License-Identifier: Apache-2.0"


def tracked(*patterns: str) -> list[Path]:
    done = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        pytest.skip("this is no git checkout")
    return [path for line in done.stdout.splitlines() if (path := ROOT / line).is_file()]


def test_every_python_file_is_short_and_names_its_licence() -> None:
    files = tracked("*.py")
    assert len(files) > 100
    for path in files:
        lines = path.read_text().splitlines()
        assert len(lines) <= MAX_LINES, f"{path}: {len(lines)} lines"
        assert lines[:1] == [SPDX] or lines[1:2] == [SPDX], f"{path}: no SPDX line"


def test_both_readmes_have_the_same_shape() -> None:
    def shape(name: str) -> list[str]:
        text = (ROOT / name).read_text()
        return re.findall(r"^(#+ |```|\| |- )", text, flags=re.MULTILINE)

    assert shape("README.md") == shape("README.fr.md")


@pytest.mark.parametrize("name", ["README.md", "README.fr.md"])
def test_the_readme_names_every_verb_and_option_that_exists(name: str) -> None:
    text = (ROOT / name).read_text()
    for verb, command in leaves(atre, "atre"):
        assert verb in text, verb
        options = {
            option
            for parameter in command.params
            if isinstance(parameter, click.Option)
            for option in parameter.opts
        }
        for row in re.findall(rf"`{verb} (.*?)`", text):
            for option in re.findall(r"--[\w-]+", row):
                assert option in options, f"{name}: {verb} has no {option}"


def leaves(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    """Every verb that does something, as it is typed."""
    for verb, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command, f"{path} {verb}")
        else:
            yield f"{path} {verb}", command


def test_documents_link_to_files_that_exist() -> None:
    for path in tracked("*.md"):
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", path.read_text()):
            assert (path.parent / target).exists(), f"{path}: {target}"


def test_the_readmes_show_pictures_that_are_there_and_light() -> None:
    there = sorted((ROOT / "docs" / "images").glob("*"))
    for name in ("README.md", "README.fr.md"):
        shown = re.findall(r"!\[[^\]]+\]\(docs/images/([\w.-]+)\)", (ROOT / name).read_text())
        assert sorted(shown) == [path.name for path in there], name
    assert len(there) == 4
    assert max(path.stat().st_size for path in there) <= 150_000


def test_decisions_are_numbered_without_gaps_and_say_their_state() -> None:
    pages = sorted((ROOT / "docs" / "adr").glob("*.md"))
    assert [page.name[:4] for page in pages] == [f"{n:04}" for n in range(1, len(pages) + 1)]
    for page in pages:
        assert "State: " in page.read_text(), page


def test_every_error_has_a_place_in_the_table_of_answers() -> None:
    for kind in TABLE:
        for descendant in kind.__subclasses__():
            assert row_of(descendant.__new__(descendant)).status >= 400
