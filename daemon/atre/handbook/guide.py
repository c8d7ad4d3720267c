# SPDX-License-Identifier: Apache-2.0
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from atre.handbook.doubt import did_you_mean
from atre.handbook.finder import Guess
from atre.handbook.handbook import Handbook
from atre.handbook.plan import PageLink, Plan, Reply
from atre.handbook.prompt import before_question
from atre.handbook.topics import Kind, Topic

# Set on the development questions; see image-build/factory-model/README.md.
SURE = 0.34  # of a topic or its page, to give the model the passage
CERTAIN = 0.5  # to say the passage itself where the model slips
SURE_OUT_OF_SCOPE = 0.5
LIKELY = 0.04  # of a page, to offer it
LEAST_PROBABILITY = 0.9  # of the model's tokens, on average
SURE_OF_LANGUAGE = 0.65
_NUM_SUGGESTIONS = 3
# A follow-up is short: "and on my phone?"
_FOLLOW_UP_WORDS = 7
_ELSE = "knowledge"  # the topic that says "I only know the box"


class TopicFinder(Protocol):
    """Guesses what a question is about, the likeliest first, and in which language it is."""

    def find(self, question: str, language: str) -> list[Guess]: ...

    def language(self, question: str) -> Guess: ...


class Guide:
    """Finds the passage that answers a question about the box, or the pages that may."""

    def __init__(
        self, handbook: Handbook, finder: TopicFinder, topics: Mapping[str, Topic]
    ) -> None:
        self._handbook = handbook
        self._finder = finder
        self._topics = topics

    def plan(self, questions: Sequence[str], spoken: str) -> Plan:
        """How to answer the last of somebody's ``questions``.

        ``spoken`` is the language to answer in where the questions do not tell.
        """
        language = self._language(questions, spoken)
        guesses = self._guesses(questions, language)
        question = questions[-1]
        otherwise = self._otherwise(question, guesses, language)
        best = self._topics[guesses[0].name if guesses else _ELSE]
        share = self._share(best, guesses)
        if best.kind is Kind.OUT_OF_SCOPE or share < SURE:
            return _settled(otherwise, language)
        passage = best.answers[language]
        source = self._link(best.page, language) if best.page else None
        is_talk = best.kind is Kind.SMALL_TALK
        return Plan(
            language=language,
            prompt=question if is_talk else before_question(passage, language) + question,
            passage=passage,
            source=source,
            least_probability=LEAST_PROBABILITY,
            # The passage itself is the short answer of the handbook: no guess, if it is the one.
            # A wrong "hello" harms nobody.
            otherwise=(
                Reply(text=passage, source=source) if is_talk or share >= CERTAIN else otherwise
            ),
        )

    def _language(self, questions: Sequence[str], spoken: str) -> str:
        for question in reversed(questions):
            guess = self._finder.language(question)
            if guess.probability >= SURE_OF_LANGUAGE:
                return guess.name
        return spoken

    def _guesses(self, questions: Sequence[str], language: str) -> list[Guess]:
        alone = self._finder.find(questions[-1], language)
        if len(questions) < 2 or len(questions[-1].split()) > _FOLLOW_UP_WORDS:  # noqa: PLR2004
            return alone
        after = self._finder.find(f"{questions[-2]} {questions[-1]}", language)
        return max(alone, after, key=lambda guesses: guesses[0].probability if guesses else 0.0)

    def _share(self, topic: Topic, guesses: Sequence[Guess]) -> float:
        """How likely a topic is meant; near topics of one page share what is one question."""
        if topic.page:
            return self._by_page(guesses)[topic.page]
        return guesses[0].probability if guesses else 0.0

    def _by_page(self, guesses: Sequence[Guess]) -> dict[str, float]:
        """How likely each page is: the sum of its topics."""
        pages: dict[str, float] = {}
        for guess in guesses:
            if page := self._topics[guess.name].page:
                pages[page] = pages.get(page, 0.0) + guess.probability
        return pages

    def _otherwise(self, question: str, guesses: Sequence[Guess], language: str) -> Reply:
        """What is said without the model: that it is out of scope, or which pages may be meant."""
        outside = [each for each in guesses if self._topics[each.name].kind is Kind.OUT_OF_SCOPE]
        if sum(each.probability for each in outside) >= SURE_OUT_OF_SCOPE:
            return Reply(text=self._topics[outside[0].name].answers[language])
        links = list(self._suggested(question, guesses, language))
        if not links:
            return Reply(text=self._topics[_ELSE].answers[language])
        text = did_you_mean([link.title for link in links], language)
        return Reply(text=text, suggestions=tuple(links))

    def _suggested(
        self, question: str, guesses: Sequence[Guess], language: str
    ) -> Iterator[PageLink]:
        shares = self._by_page(guesses)
        likely = sorted(
            (page for page in shares if shares[page] >= LIKELY), key=lambda page: -shares[page]
        )
        found = [hit.id for hit in self._handbook.search(question, language, limit=2)]
        pages = list(dict.fromkeys((*likely[:_NUM_SUGGESTIONS], *found)))
        for page in pages[:_NUM_SUGGESTIONS]:
            yield self._link(page, language)

    def _link(self, page: str, language: str) -> PageLink:
        found = self._handbook.page(page, language)
        return PageLink(page, found.title if found else page)


def _settled(reply: Reply, language: str) -> Plan:
    return Plan(
        language=language,
        prompt=None,
        passage="",
        source=None,
        least_probability=0.0,
        otherwise=reply,
    )
