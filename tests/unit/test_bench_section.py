# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest
from tests.benchmarks.section import write_section

_ROOT = Path(__file__).parents[2]


def test_what_people_wrote_around_a_benchmarks_part_stays(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Page\n\nBefore.\n", "utf-8")
    write_section(page, "a", "one")
    write_section(page, "b", "two")
    page.write_text(page.read_text("utf-8") + "\nAfter.\n", "utf-8")
    write_section(page, "a", "## Three\n\nthree\n")
    assert page.read_text("utf-8") == (
        "# Page\n\nBefore.\n\n"
        "<!-- a: generated -->\n## Three\n\nthree\n<!-- a: end -->\n\n"
        "<!-- b: generated -->\ntwo\n<!-- b: end -->\n\nAfter.\n"
    )


def test_a_page_with_half_of_the_marks_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    for half in ("<!-- a: generated -->\n", "<!-- a: end -->\n<!-- a: generated -->\n"):
        page.write_text(half, "utf-8")
        with pytest.raises(ValueError, match="marks"):
            write_section(page, "a", "x")
        assert page.read_text("utf-8") == half


def test_both_parts_of_the_page_have_their_marks() -> None:
    text = (_ROOT / "docs" / "performance.md").read_text("utf-8")
    for name in ("make bench", "chat pages"):
        assert text.count(f"<!-- {name}: generated -->\n") == 1
        assert text.count(f"<!-- {name}: end -->\n") == 1
