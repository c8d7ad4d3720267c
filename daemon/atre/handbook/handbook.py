# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

from atre.handbook.page import Page, load_pages
from atre.handbook.plain import plain
from atre.search.full_text import FullTextIndex
from atre.search.passage import Hit, Passage, Search


class Handbook:
    """The pages in ``directory``, and a search over them; a hit's ``id`` is a page's name."""

    def __init__(self, directory: Path) -> None:
        """Read and index the pages. Raises ConfigError or StorageError if that cannot be done."""
        every = load_pages(directory)
        self._pages = {(page.language, page.name): page for page in every}
        self._languages = tuple(dict.fromkeys(page.language for page in every))
        self._search: Search = FullTextIndex(
            Passage(
                id=page.name,
                language=page.language,
                title=page.title,
                text=plain(page.markdown),
            )
            for page in every
        )

    def pages(self, language: str) -> list[Page]:
        """Every page in one language, in the handbook's order."""
        return [page for page in self._pages.values() if page.language == language]

    def page(self, name: str, language: str) -> Page | None:
        """The page of that name, if there is one."""
        return self._pages.get((language, name))

    def search(self, question: str, language: str, *, limit: int) -> list[Hit]:
        """The pages that answer best, best first.

        Where none in ``language`` has a word of the question, those of the other languages do.
        """
        others = (each for each in self._languages if each != language)
        for each in (language, *others):
            if found := self._search.search(question, each, limit=limit):
                return found
        return []
