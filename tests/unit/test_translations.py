# SPDX-License-Identifier: Apache-2.0
import re
from functools import cache
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po
from babel.support import Translations

import atre_web

ROOT = Path(atre_web.__file__).parent
TRANSLATIONS = ROOT / "translations"
CATALOGUES = sorted(path.name for path in TRANSLATIONS.iterdir() if path.is_dir())
# Canada's French holds the words that differ there, no more.
OVERLAYS = ["fr_CA"]
LANGUAGES = [name for name in CATALOGUES if name not in OVERLAYS]

# The same word in both languages.
SAME = {
    "Assistant",
    "Code",
    "Date (UTC)",
    "Invitations",
    "Usage",
    "Version %(version)s",
    "Versions",
    "Conversations",
    "Source",
    "Pages",
    "Conversation",
    "Dimensions",
    "Format",
    "Licence",
    "Invitation",
    # Units and formulas are the same in both.
    "%(n)s\N{NO-BREAK SPACE}W",
    "%(n)s\N{NO-BREAK SPACE}Wh",
    "%(n)s\N{NO-BREAK SPACE}kWh",
    "%(n)s\N{NO-BREAK SPACE}g",
    "%(n)s\N{NO-BREAK SPACE}kg",
    "CO₂",
    "CO₂ (g)",
    "%(n)s\N{NO-BREAK SPACE}min",
}
PLACEHOLDER = re.compile(r"%\(\w+\)s|\{\w+\}")
ORDINARY_SPACE_BEFORE_MARK = re.compile(r" [;:!?»]|« ")
NO_SPACE_BEFORE_MARK = re.compile(r"[\w)][;!?»]|\w:(?!//)|«\w")


# A person opens a session and chats (clavarder); a network's connexion is one in Canada too.
FRANCES_WORDS = re.compile(
    r"\bconnect(er|ez|ée?s?)\b|\bdiscut|discussion|week-end|\be-?mail|\bmail|\bchatt?er|smartphone"
    r"|parking|\buploader|pop-up|newsletter",
    re.IGNORECASE,
)


@cache
def sources() -> frozenset[str]:
    """Every French sentence that the code and the templates mark for translation."""
    with (TRANSLATIONS / "babel.cfg").open(encoding="utf-8") as mapping:
        methods, options = parse_mapping_cfg(mapping)  # type: ignore[no-untyped-call]
    keywords = {"_": None, "gettext": None, "ngettext": (1, 2)}
    found = extract_from_dir(ROOT, methods, options, keywords=keywords)
    return frozenset(
        text
        for _, _, texts, _, _ in found
        for text in (texts if isinstance(texts, tuple) else (texts,))
    )


def catalogue(language: str) -> Catalog:
    with (TRANSLATIONS / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, locale=language)


def forms(text: object) -> list[str]:
    """A sentence, or the forms of one about what is counted."""
    return [str(each) for each in text] if isinstance(text, list | tuple) else [str(text)]


def pairs(language: str) -> list[tuple[str, str]]:
    """Each French sentence with the other language's; of what is counted, both forms."""
    found: list[tuple[str, str]] = []
    for message in catalogue(language):
        french, other = forms(message.id), forms(message.string)
        found += [(a, b) for a, b in zip(french, other, strict=True) if a]
    return found


def test_there_is_something_to_translate() -> None:
    assert len(sources()) > 80
    assert LANGUAGES == ["en"]
    assert set(OVERLAYS) <= set(CATALOGUES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_is_translated_and_none_is_left_over(language: str) -> None:
    translated = {french for french, other in pairs(language) if other}
    assert sources() - translated == set(), "missing: see translations/README.md"
    assert translated - sources() == set(), "no longer used"


@pytest.mark.parametrize("language", CATALOGUES)
def test_no_entry_is_fuzzy_or_empty(language: str) -> None:
    doubtful = [m.id for m in catalogue(language) if m.id and m.fuzzy]
    assert doubtful == []
    assert [french for french, other in pairs(language) if not other] == []


@pytest.mark.parametrize("language", CATALOGUES)
def test_placeholders_are_the_same(language: str) -> None:
    for french, other in pairs(language):
        assert sorted(PLACEHOLDER.findall(french)) == sorted(PLACEHOLDER.findall(other)), french


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_was_copied_by_accident(language: str) -> None:
    copied = {french for french, other in pairs(language) if french == other}
    assert copied <= SAME


@pytest.mark.parametrize("language", OVERLAYS)
def test_an_overlay_holds_what_differs_and_nothing_else(language: str) -> None:
    for french, other in pairs(language):
        assert french in sources(), f"no longer used: {french}"
        assert re.sub("[\u00a0\u202f](?=[;!?])", "", french) != other, "the same, once spaced"
        assert not re.search(r"\s[;!?]", other), "Canada sets no space there"
        assert not re.search(r" [:»]|« |\w:(?!//)|\w»|«\w|['\"]", other)


def test_canada_never_reads_frances_words() -> None:
    """As the Office québécois de la langue française has it (Grand dictionnaire terminologique)."""
    overlay = dict(pairs("fr_CA"))
    for french in sources():
        assert not FRANCES_WORDS.search(overlay.get(french, french)), french


def test_french_has_no_break_spaces_where_it_wants_them() -> None:
    for french in sources():
        assert not ORDINARY_SPACE_BEFORE_MARK.search(french), french
        assert not NO_SPACE_BEFORE_MARK.search(french), french


def test_french_uses_its_own_apostrophe_and_quotes() -> None:
    for french in sources():
        assert "'" not in french, french
        assert '"' not in french, french


@pytest.mark.parametrize("language", LANGUAGES)
def test_english_has_no_french_spacing(language: str) -> None:
    for _, english in pairs(language):
        assert not re.search(r"[ \u00a0\u202f][;:!?]|[«»]", english), english


def test_templates_hold_no_sentence_outside_the_catalogue() -> None:
    for template in (ROOT / "templates").glob("*.html"):
        bare = re.sub(
            r"\{% block body_class %\}[\w ]*|\{[{%#].*?[}%#]\}",
            "",
            template.read_text("utf-8"),
            flags=re.DOTALL,
        )
        text = " ".join(re.sub(r"<[^>]*>", " ", bare).split())
        assert set(text.split()) <= {"Âtre", "·", "·Âtre", "+", "/", "‹", "›"}, (
            template.name,
            text,
        )


@pytest.mark.parametrize("language", CATALOGUES)
def test_the_compiled_catalogue_is_up_to_date(language: str) -> None:
    with (TRANSLATIONS / language / "LC_MESSAGES" / "messages.mo").open("rb") as file:
        loaded = Translations(file)._catalog
    # Of what is counted, the compiled file has only the first of the French forms.
    kept = [message for message in catalogue(language) if message.id]
    wanted: dict[object, object] = {}
    for message in kept:
        if isinstance(message.id, tuple):
            every = enumerate(forms(message.string))
            wanted |= {(message.id[0], place): each for place, each in every}
        else:
            wanted[message.id] = message.string
    assert {french: other for french, other in loaded.items() if french} == wanted, (
        "see translations/README.md"
    )
