# SPDX-License-Identifier: Apache-2.0
"""Finding passages by words: what is compared, what is found, and that no text breaks it."""

import sqlite3
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atre.errors import StorageError
from atre.search.excerpt import excerpt
from atre.search.full_text import FullTextIndex
from atre.search.passage import Passage
from atre.search.words import forms, question_words

PASSAGES = [
    Passage(id="soup", language="fr", title="La soupe", text="Coupez les légumes du cœur d’été."),
    Passage(id="bread", language="fr", title="Le pain", text="Pétrissez la pâte, puis attendez."),
    Passage(id="bread", language="en", title="Bread", text="Knead the dough, then wait for it."),
    Passage(
        id="oven", language="en", title="The oven", text="Bread needs a hot oven. Bread rises."
    ),
]


@pytest.fixture(scope="module")
def index() -> FullTextIndex:
    return FullTextIndex(PASSAGES)


def found(index: FullTextIndex, question: str, language: str = "fr") -> list[str]:
    return [hit.id for hit in index.search(question, language, limit=5)]


@pytest.mark.parametrize(
    "question",
    ["légume", "LEGUMES", "le\u0301gumes", "cœur", "coeur", "couper", "d'été", "d’ete", "soupes ?"],
)
def test_endings_accents_ligatures_and_apostrophes_do_not_matter(
    index: FullTextIndex, question: str
) -> None:
    assert found(index, question) == ["soup"]


def test_a_language_is_searched_alone(index: FullTextIndex) -> None:
    assert found(index, "dough", "en") == ["bread"]
    assert found(index, "dough", "fr") == []
    assert found(index, "dough", "de") == []


def test_a_word_in_the_title_counts_more_than_several_below_it(index: FullTextIndex) -> None:
    hits = index.search("bread", "en", limit=5)
    assert [hit.id for hit in hits] == ["bread", "oven"]
    assert hits[0].score > hits[1].score
    assert len(index.search("bread", "en", limit=1)) == 1


def test_small_words_are_left_out_unless_there_is_nothing_else() -> None:
    assert question_words("Comment est-ce que je change de modèle ?", "fr") == ["change", "modèle"]
    assert question_words("How do I change the model?", "en") == ["change", "model"]
    assert question_words("qui es tu", "fr") == ["qui", "es", "tu"]


def test_a_page_pasted_whole_costs_no_more_than_a_question() -> None:
    pasted = " ".join(f"mot{n}" for n in range(2_000))
    assert question_words(pasted, "fr") == [f"mot{n}" for n in range(32)]
    assert max(len(form) for form in forms("x" * 10_000, "fr")) <= 64


def test_a_word_has_the_forms_of_its_family() -> None:
    for language, first, second in (
        ("fr", "changer", "changez"), ("fr", "modeles", "modèle"), ("fr", "installé", "installe"),
        ("en", "keys", "key"), ("en", "waiting", "waits"),
    ):  # fmt: skip
        assert forms(first, language) & forms(second, language), (first, second)
    assert not forms("chance", "fr") & forms("changer", "fr")


def test_an_excerpt_shows_where_the_words_stand_together() -> None:
    text = "key " + "filler " * 50 + "the key of the box, " + "and more " * 50
    wanted = [forms("key", "en"), forms("box", "en")]
    fragments = excerpt(text, wanted, "en")
    assert [each.text for each in fragments if each.is_match] == ["key", "box"]
    shown = "".join(each.text for each in fragments)
    assert "filler the key of the box, and more" in shown
    assert shown.startswith("… ")
    assert shown.endswith(" …")
    assert len(shown.split()) <= 32


def test_an_excerpt_of_a_short_text_is_the_text() -> None:
    for text in ("", "?!", "one two", "the key."):
        shown = "".join(each.text for each in excerpt(text, [forms("key", "en")], "en"))
        assert shown == text


GARBAGE = [
    "", " ", '"', '""', "'", "''; DROP TABLE passage; --", "*", "légumes*", '"légumes', "(((",
    "légumes AND", "OR", "NOT NOT", "NEAR(a b)", "title_words:x", "^a", "a + b", "-a", "{a b}:c",
    "\0", "lé\0gumes", "\ud800", "\U0010ffff", "_", "___", "😀", "𝔸𝔹", "\u202eabc", "%s %(x)s",
    "x" * 10_000, "légumes " * 1_250, " ".join(f"mot{n}" for n in range(2_000)), "'" * 10_000,
    '"' * 9_999, "\n\r\t", "id", "passage", "ﬁ", "½", "²", "٣", "漢字", "นี่", "a\u0301" * 3_000,
]  # fmt: skip


@pytest.mark.parametrize("question", GARBAGE)
@pytest.mark.parametrize("language", ["fr", "en", "xx", ""])
def test_garbage_is_a_question_like_any_other(
    index: FullTextIndex, question: str, language: str
) -> None:
    assert len(index.search(question, language, limit=5)) <= 2


def test_operators_are_words(index: FullTextIndex) -> None:
    assert found(index, "légumes NOT légumes") == ["soup"]
    assert found(index, 'NEAR("légumes", 1) OR *') == ["soup"]


@given(st.text())
def test_any_text_is_a_question(question: str) -> None:
    index = FullTextIndex(PASSAGES)
    for hit in index.search(question, "fr", limit=5):
        assert "".join(each.text for each in hit.fragments)


@given(st.text(), st.text())
def test_any_text_can_be_a_passage(title: str, text: str) -> None:
    encodable = [each.encode("utf-8", "replace").decode() for each in (title, text)]
    index = FullTextIndex([Passage(id="any", language="fr", title=encodable[0], text=encodable[1])])
    index.search(text, "fr", limit=5)


def test_threads_may_ask_at_the_same_time(index: FullTextIndex) -> None:
    answers: list[list[str]] = []

    def ask() -> None:
        for _ in range(50):
            answers.append(found(index, "légumes"))  # noqa: PERF401 -- a thread that fails adds less

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [["soup"]] * 200


def test_an_sqlite_without_full_text_search_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    class Bare(sqlite3.Connection):
        def execute(self, sql: str, *_: object) -> sqlite3.Cursor:
            raise sqlite3.OperationalError(f"no such module: fts5 ({sql[:6].strip()})")

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: connect(*a, factory=Bare, **k))
    with pytest.raises(StorageError, match="FTS5"):
        FullTextIndex([])
