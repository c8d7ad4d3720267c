# SPDX-License-Identifier: Apache-2.0
"""The decisions of the chat: tree, titles, files, exports, days, what the model is sent."""

import json
from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atre_web.chat.attachment import (
    MAX_BYTES,
    MAX_NAME_CHARS,
    Attachment,
    AttachmentError,
    attachment,
    checked,
    decoded,
    framed,
    safe_name,
)
from atre_web.chat.context import turns
from atre_web.chat.days import by_day, span_of
from atre_web.chat.export import as_json, as_markdown, file_name
from atre_web.chat.message import Conversation, Message
from atre_web.chat.title import MAX_TITLE_CHARS, cleaned_title, title_from
from atre_web.chat.tree import Place, Tree
from atre_web.panel.markdown import answer_html

# 1 ─ 2 ─ 3 ─ 4        a question, its answer, the next question, its answer
#     └── 5 ─ 6        the next question asked otherwise
# └── 7                the first answer written again
PAIRS = [(1, None), (2, 1), (3, 2), (4, 3), (5, 2), (6, 5), (7, 1)]


def test_a_branch_leads_from_the_root_to_its_tip() -> None:
    tree = Tree(PAIRS)
    assert tree.branch(4) == [1, 2, 3, 4]
    assert tree.branch(6) == [1, 2, 5, 6]
    assert tree.branch(7) == [1, 7]
    assert tree.newest_tip(2) == 6
    assert tree.newest_tip(3) == 4


def test_versions_of_a_message_are_counted_from_the_oldest() -> None:
    tree = Tree(PAIRS)
    assert tree.place(5) == Place(number=2, count=2, previous=3, next=None)
    assert tree.place(2) == Place(number=1, count=2, previous=None, next=7)
    assert tree.place(1) == Place(number=1, count=1, previous=None, next=None)


def test_a_tip_that_is_gone_gives_way_to_the_newest() -> None:
    assert Tree(PAIRS).branch(99) == [1, 7]
    assert Tree(PAIRS).branch(None) == [1, 7]
    assert Tree([]).branch(1) == []


@given(st.lists(st.tuples(st.integers(1, 30), st.none() | st.integers(1, 30)), max_size=30))
def test_no_pairs_make_a_branch_endless(pairs: list[tuple[int, int | None]]) -> None:
    tree = Tree(pairs)
    for message, _ in pairs:
        branch = tree.branch(message)
        assert branch[-1] == message
        assert branch == sorted(set(branch))


@pytest.mark.parametrize(
    ("question", "files", "title"),
    [
        ("Bonjour", [], "Bonjour"),
        ("\n\n## Devis\nsuite", [], "Devis"),
        ("mot " * 40, [], "mot mot mot mot mot mot mot mot mot mot mot mot mot mot mot…"),
        ("x" * 200, [], "x" * 60 + "…"),
        ("", ["devis.csv", "b.txt"], "devis.csv, b.txt"),
        ("\u202e\u200b", [], "…"),
        ("a\u202eb\tc", [], "ab c"),
    ],
)
def test_a_title_is_made_of_the_first_words(question: str, files: list[str], title: str) -> None:
    assert title_from(question, files) == title


@given(st.text(max_size=2000))
def test_a_kept_title_is_one_visible_line(text: str) -> None:
    title = cleaned_title(text)
    assert title is None or (title.isprintable() and 0 < len(title) <= MAX_TITLE_CHARS)


def test_a_title_of_a_megabyte_is_cut_and_costs_nothing() -> None:
    assert cleaned_title("é" * 1_000_000) == "é" * MAX_TITLE_CHARS


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]
)
def test_text_is_read_in_every_encoding_of_an_office(encoding: str) -> None:
    text = "Réf. ; montant\r\nécran ; 120 €\r\n"
    assert decoded(text.encode(encoding)) == "Réf. ; montant\nécran ; 120 €\n"


@pytest.mark.parametrize(
    "data",
    [
        b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\x00",
        b"PK\x03\x04\x14\x00\x06\x00",
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
        b"\xff\xd8\xff\xe0\x00\x10JFIF",
        b"\xff\xfea",  # a mark of UTF-16, and half a character
        bytes(range(256)),
    ],
)
def test_what_is_no_text_is_refused_by_name(data: bytes) -> None:
    with pytest.raises(AttachmentError, match=r"a\.pdf is not a text file") as caught:
        attachment("a.pdf", data)
    assert caught.value.code == "file_binary"


@given(st.binary(max_size=400))
def test_any_bytes_are_text_or_refused(data: bytes) -> None:
    text = decoded(data)
    assert text is None or "\0" not in text


def test_a_file_that_is_too_long_or_empty_is_refused() -> None:
    with pytest.raises(AttachmentError, match="more than 1024 KiB"):
        attachment("a.txt", b"x" * (MAX_BYTES + 1))
    for empty in (b"", b" \n"):
        with pytest.raises(AttachmentError, match="no text"):
            attachment("a.txt", empty)
    with pytest.raises(AttachmentError, match="at most 5"):
        checked([Attachment("a", "b")] * 6)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("C:\\Documents\\devis.csv", "devis.csv"),
        ("../../etc/passwd", "passwd"),
        ("a\u202egpj.exe", "agpj.exe"),
        ("<img src=x>.txt", "<img src=x>.txt"),
        ("\x00\x1b[31m.txt", "[31m.txt"),
        ("", "fichier.txt"),
        ("..", "fichier.txt"),
        ("x" * 300 + ".txt", "x" * (MAX_NAME_CHARS - 4) + ".txt"),
    ],
)
def test_a_files_name_is_its_own_and_safe_to_show(name: str, safe: str) -> None:
    assert safe_name(name) == safe


@given(st.text(alphabet="`\n a", max_size=60))
def test_no_file_ends_its_frame(text: str) -> None:
    lines = framed(Attachment("a.md", text)).splitlines()
    fence = lines[1]
    assert [line for line in lines[2:] if line.strip().startswith(fence)] == [fence]


def message(
    number: int, parent: int | None, role: str, text: str, *files: Attachment, **known: object
) -> Message:
    return Message(
        id=number,
        parent_id=parent,
        role=role,  # type: ignore[arg-type]
        state="done",
        text=text,
        created_at=1_800_000_000.0,
        attachments=list(files),
        **known,  # type: ignore[arg-type]
    )


TALK = Conversation(id="a", title="Devis / été", shown_id=2, created_at=0.0, changed_at=1.0)


def test_the_model_is_sent_files_before_the_question_and_roles_in_turn() -> None:
    branch = [
        message(1, None, "user", "Un ?", Attachment("a.csv", "x;y")),
        message(2, 1, "assistant", ""),  # it failed
        message(3, 2, "user", "Deux ?"),
        message(4, 3, "assistant", "Réponse", reasoning="hm"),
    ]
    assert turns(branch) == [
        ("user", "« a.csv »\n```\nx;y\n```\n\nUn ?\n\nDeux ?"),
        ("assistant", "Réponse"),
    ]


def test_the_markdown_export_reads_as_it_was_said() -> None:
    branch = [
        message(1, None, "user", "**Combien** ?", Attachment("p.csv", "a;1")),
        message(2, 1, "assistant", "Un.", model="office-7b"),
    ]
    text = as_markdown(TALK, branch, {"user": "Vous", "assistant": "Assistant"})
    assert text == (
        "# Devis / été\n\n## Vous · 2027-01-15T08:00:00+00:00\n\n« p.csv »\n```\na;1\n```\n\n"
        "**Combien** ?\n\n## Assistant · 2027-01-15T08:00:00+00:00 · office-7b\n\nUn.\n"
    )


def test_the_json_export_has_every_branch() -> None:
    document = json.loads(
        as_json(TALK, [message(1, None, "user", "a"), message(2, 1, "assistant", "b", seconds=1.5)])
    )
    assert document["format"] == "atre-conversation"
    assert [each["id"] for each in document["messages"]] == [1, 2]
    assert document["messages"][1]["parent_id"] == 1
    assert document["messages"][1]["seconds"] == 1.5
    assert document["created_at"] == "1970-01-01T00:00:00+00:00"


def test_an_exports_file_name_suits_every_system() -> None:
    assert file_name(TALK, "md") == "Devis été.md"
    hidden = Conversation(id="a", title="<>:|", shown_id=None, created_at=0.0, changed_at=0.0)
    assert file_name(hidden, "json") == "conversation.json"


def at(year: int, month: int, day: int) -> float:
    return datetime(year, month, day, 12).astimezone().timestamp()


def test_conversations_are_grouped_by_how_long_ago_they_changed() -> None:
    today = date(2026, 11, 22)
    assert span_of(at(2026, 11, 22), today) == "today"
    assert span_of(at(2027, 1, 1), today) == "today", "the clock was set back"
    assert span_of(at(2026, 11, 21), today) == "yesterday"
    assert span_of(at(2026, 11, 16), today) == "week"
    assert span_of(at(2026, 11, 15), today) == "month"
    assert span_of(at(2026, 10, 23), today) == date(2026, 10, 1)
    listed = [
        Conversation(id=str(when), title="t", shown_id=None, created_at=0.0, changed_at=when)
        for when in (at(2026, 11, 22), at(2026, 11, 21), at(2026, 10, 2), at(2026, 10, 1))
    ]
    spans = [(span, len(group)) for span, group in by_day(listed, now=at(2026, 11, 22))]
    assert spans == [("today", 1), ("yesterday", 1), (date(2026, 10, 1), 2)]


def test_an_answer_without_a_script_holds_no_markup_of_its_own() -> None:
    html = answer_html(
        "<img src=x onerror=y> <script>z</script> ![p](https://e.example/p.png)\n"
        "[a](javascript:x) [b](data:text/html,x) [c](https://e.example/) [d](/help) [e](x.md)\n\n"
        "| t |\n|---|\n| **b** |"
    )
    for tag in ("<img", "<script", 'href="javascript', 'href="data', 'href="/help"', 'href="x.md"'):
        assert tag not in html, tag
    assert '<a href="https://e.example/" rel="noopener noreferrer" target="_blank">c</a>' in html
    assert "<strong>b</strong>" in html
