# SPDX-License-Identifier: Apache-2.0
"""How a question to the factory model is answered, before and after the model spoke; pure."""

from dataclasses import dataclass

import msgspec

from atre.handbook.grounded import is_grounded
from atre.handbook.prompt import UNKNOWN


class PageLink(msgspec.Struct, frozen=True):
    """A page of the handbook, with its title in the language of the question."""

    page: str
    title: str


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What is said: the page it comes from if there is one, or pages that may be meant."""

    text: str
    source: PageLink | None = None
    suggestions: tuple[PageLink, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the model is asked, and what is said where it is not believed.

    ``prompt`` has the question after ``passage``; None: the search settled it, and the model is not
    listened to. ``least_probability`` is the mean probability of its tokens below which an answer
    is not believed.
    """

    language: str
    prompt: str | None
    passage: str
    source: PageLink | None
    least_probability: float
    otherwise: Reply

    def reply(self, answer: str, mean_probability: float) -> Reply:
        """The model's ``answer`` with its source, or what is said instead of it."""
        text = answer.strip()
        is_believed = (
            self.prompt is not None
            and text != ""
            and not text.startswith(UNKNOWN[self.language])
            and mean_probability >= self.least_probability
            and is_grounded(text, self.passage)
        )
        return Reply(text=text, source=self.source) if is_believed else self.otherwise
