# SPDX-License-Identifier: Apache-2.0
"""The handbook's pages as files: ``<language>/<order>-<name>.md``, the first line its title."""

import re
from importlib.resources import files
from pathlib import Path

import msgspec

from atre.errors import ConfigError

_TITLE = "# "
_ORDER = re.compile(r"^\d+-")


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One task. ``name`` is the same in every language; ``markdown`` is without the title."""

    name: str
    language: str
    title: str
    markdown: str


def default_handbook_dir() -> Path:
    """The checkout's ``docs/handbook``, or where the wheel has it."""
    checkout = Path(__file__).parents[3] / "docs" / "handbook"
    return checkout if checkout.is_dir() else installed_handbook_dir()


def installed_handbook_dir() -> Path:
    """Where the wheel has the pages: ``force-include`` in pyproject.toml puts them there."""
    return Path(str(files("atre.handbook") / "pages"))


def load_pages(directory: Path) -> tuple[Page, ...]:
    """Every page below ``directory``, by language, in the order of the file names.

    Raises ConfigError for a folder without pages, or for a page that is not text with a title.
    """
    paths = sorted(directory.glob("*/*.md"))
    if not paths:
        raise ConfigError(f"{directory} holds no page of the handbook. Install Âtre again.")
    return tuple(_page(path) for path in paths)


def page_name(file_name: str) -> str:
    """The name of the page in a file: ``03-make-a-key.md`` holds ``make-a-key``."""
    return _ORDER.sub("", file_name.removesuffix(".md"))


def _page(path: Path) -> Page:
    try:
        first, _, rest = path.read_text(encoding="utf-8").partition("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read ({error}). Install Âtre again.") from error
    if not first.startswith(_TITLE):
        raise ConfigError(f"{path}: the first line must be the title, such as '# Open the panel'.")
    return Page(
        name=page_name(path.name),
        language=path.parent.name,
        title=first.removeprefix(_TITLE).strip(),
        markdown=rest.strip(),
    )
