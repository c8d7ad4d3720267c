# SPDX-License-Identifier: Apache-2.0
"""Where an answer comes from: the extension ``atre`` of a choice, beyond OpenAI's API."""

from dataclasses import dataclass

from atre.handbook.plan import PageLink

Json = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The handbook page that an answer was given from, or the pages that may be meant instead."""

    source: PageLink | None
    suggestions: tuple[PageLink, ...]

    def extension(self) -> Json:
        """What is added to the choice."""
        return {
            "atre": {
                "source": _page(self.source) if self.source else None,
                "suggestions": [_page(link) for link in self.suggestions],
            }
        }


def _page(link: PageLink) -> Json:
    return {"page": link.page, "title": link.title, "url": f"/help/{link.page}"}
