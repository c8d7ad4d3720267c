# SPDX-License-Identifier: Apache-2.0
"""The commands speak the language of ``--lang`` to people, and one language to programs."""

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import click
import msgspec
import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from babel.support import Translations
from click.testing import CliRunner
from tests.unit.test_translations import forms

from atre import terminal
from atre.cli import main
from atre.config import Config
from atre.discovery.found import Found, Record, found
from atre.errors import DiscoveryError
from atre.sentence import Sentence
from atre_web.accounts.door import open_door

# Measures servers, for developers.
_ENGLISH_ONLY = {"atre bench"}
_LOCALE = Path(terminal.__file__).parent / "locale" / "fr" / "LC_MESSAGES"
_FOR_PROGRAMMERS = {
    "Arguments take exactly one parameter declaration, got {length}: {decls}.",
    "Boolean option {decl!r} cannot use the same flag for true/false.",
    "Choice({choices})",
    "Could not determine name for option with declarations {decls!r}",
    "Name '{name}' defined twice",
    (
        "No options defined but a name was passed ({name}). Did you mean to declare an argument "
        "instead? Did you mean to pass '--{name}'?"
    ),
    "Unknown color {colour!r}",
    "Unknown standard stream '{name}'",
    "Value must be an iterable.",
    "Windows error: {error}",
    "d",  # of a day, in the time that a progress bar has left
}
_RECORD = Record(name="Âtre", host="a.local.", addresses=("10.0.0.2",), port=8443, txt={"tls": "1"})
_SILENT = found(
    _RECORD, verified=False, reason=Sentence("It did not answer.", "Il n’a pas répondu.")
)
_GOOD = found(_RECORD, verified=True)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A box that is nobody's."""
    open_door(Config(data_dir=tmp_path, runtime_dir=tmp_path, profiles_dir=tmp_path), run_key=False)
    return tmp_path


@pytest.fixture
def boxes(monkeypatch: pytest.MonkeyPatch) -> list[Found]:
    """What a browse finds."""
    on_the_lan: list[Found] = []

    def browse(_timeout_s: float, *, verify: bool) -> list[Found]:
        del verify
        return on_the_lan

    # The package's own name for it is the verb, which hides the module.
    monkeypatch.setattr(import_module("atre.cli.discover"), "browse", browse)
    return on_the_lan


def leaves(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for name, each in command.commands.items():
            yield from leaves(each, f"{path} {name}")
    else:
        yield path, command


def say(language: str, *arguments: str) -> click.testing.Result:
    return CliRunner().invoke(main, [*arguments, "--lang", language], env={"COLUMNS": "200"})


def test_every_command_for_people_takes_a_language() -> None:
    without = {
        path
        for path, command in leaves(main, "atre")
        if not any("--lang" in each.opts for each in command.params)
    }
    assert without == _ENGLISH_ONLY


def test_discover_speaks_the_language_asked_for(boxes: list[Found]) -> None:
    boxes += [_SILENT, msgspec.structs.replace(_GOOD, waits_for_owner=True)]
    french, english = say("fr", "discover").stdout, say("en", "discover").stdout
    for words in ("nom", "adresse", "vérifié", "Il n’a pas répondu.", "oui", "sans propriétaire"):
        assert words in french
        assert words not in english
    for words in ("name", "address", "verified", "It did not answer.", "yes", "no owner yet"):
        assert words in english
        assert words not in french


def test_discover_says_in_french_that_there_is_nothing(boxes: list[Found]) -> None:
    assert boxes == []
    assert "Aucun boîtier n’a répondu" in say("fr", "discover").stderr
    assert "No box answered" in say("en", "discover").stderr


def test_an_error_of_ours_is_said_in_the_language_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def browse(_timeout_s: float, *, verify: bool) -> list[Found]:
        del verify
        raise DiscoveryError("No network.", "Aucun réseau.")

    monkeypatch.setattr(import_module("atre.cli.discover"), "browse", browse)
    assert say("fr", "discover").stderr == "Erreur\N{NO-BREAK SPACE}: Aucun réseau.\n"
    assert say("en", "discover").stderr == "Error: No network.\n"


@pytest.mark.parametrize(
    ("arguments", "french", "english"),
    [
        ("claim show", "Ouvert pour", "Open for"),
        ("claim new", "Imprimez-le", "Print it"),
        ("claim transfer", "n’a pas encore de propriétaire", "has no owner yet"),
        ("claim transfer --withdraw", "Aucune cession", "No transfer"),
        ("user add Luc", "Mettez-le d’abord à votre nom", "Claim it first"),
        ("user reset luc", "Personne ne se connecte", "Nobody signs in"),
        ("user list", "identifiant", "login"),
        ("key list", "en service", "live"),
        ("key create Word", "Notez-la", "Keep it now"),
        ("key create first", "Il y a déjà une clé", "already a key"),
        ("key revoke first", "Clé révoquée", "Revoked"),
        ("key revoke nobody", "Aucune clé en service", "No live key"),
        ("model pull nobody", "n’est pas au catalogue", "not in the catalogue"),
        ("model import /proc/self/fdinfo", "ne contient aucun fichier .gguf", "holds no .gguf"),
        ("model import /dev/null --name É", "ne peut pas s’appeler", "cannot be called"),
        ("model remove nobody", "Aucun modèle 'nobody'", "No model 'nobody'"),
        ("model remove", "Nommez un modèle", "Name a model"),
        ("model verify", "0 modèle est intact", "0 models are whole"),
        ("certificate show", "Aucun boîtier ne tourne", "No box runs"),
    ],
)
def test_what_a_manager_runs_speaks_both(
    tmp_path: Path, arguments: str, french: str, english: str
) -> None:
    said = {}
    for language in ("en", "fr"):  # each in a box of its own: some of these change it
        copy = tmp_path / language
        copy.mkdir()
        open_door(Config(data_dir=copy, runtime_dir=copy, profiles_dir=copy), run_key=False)
        said[language] = say(language, *arguments.split(), "--data-dir", str(copy)).output
    assert english in said["en"]
    assert french not in said["en"]
    assert french in said["fr"]
    assert english not in said["fr"]


@pytest.mark.parametrize(
    ("arguments", "french", "english"),
    [
        ("detect --help", "Utilisation\u00a0:", "Usage:"),
        ("detect --help", "Options\u00a0:", "Options:"),
        ("model pull", "Il manque l’argument", "Missing argument"),
        ("detect --nonsense", "L’option '--nonsense' n’existe pas", "No such option"),
        ("model nonsense", "La commande 'nonsense' n’existe pas", "No such command"),
        ("discover --timeout x", "'x' n’est pas un nombre", "'x' is not a valid float"),
        ("model import /nowhere", "'/nowhere'\u00a0: introuvable", "does not exist"),
        ("model import", "Pour de l’aide", "for help"),
        ("space --models -1", "hors des bornes", "not in the range"),
    ],
)
@pytest.mark.parametrize("place", ["first", "last", "terminal"])
def test_click_speaks_the_language_asked_for(
    arguments: str, french: str, english: str, place: str
) -> None:
    other = {"fr": "en_US.UTF-8", "en": "fr_FR.UTF-8"}
    for language, there, not_there in (("fr", french, english), ("en", english, french)):
        # A terminal in the other language, unless it is to decide.
        environment = {"LC_ALL": f"{language}_CA.UTF-8" if place == "terminal" else other[language]}
        verbs = arguments.split()
        if place == "first":
            leaf = 2 if verbs[0] == "model" else 1
            verbs[leaf:leaf] = [f"--lang={language}"]
        elif place == "last":
            verbs += ["--lang", language]
        said = CliRunner().invoke(main, verbs, env={"COLUMNS": "200", **environment}).output
        assert there in said
        assert not_there not in said


def test_what_click_can_say_to_a_person_is_in_french() -> None:
    """Sentences for whoever writes a command, not for who runs it, stay in English."""
    said: set[str] = set()
    keywords = {"_": None, "ngettext": (1, 2)}
    for _, _, text, _, _ in extract_from_dir(
        Path(click.__file__).parent, [("**.py", "python")], keywords=keywords
    ):
        said.add(text if isinstance(text, str) else text[0])
    with (_LOCALE / "click.mo").open("rb") as file:
        french = Translations(file)._catalog
    there = {key[0] if isinstance(key, tuple) else key for key in french}
    assert said - there == _FOR_PROGRAMMERS
    with (_LOCALE / "click.po").open("rb") as file:
        written = read_po(file, locale="fr")
    for message in written:
        if message.id:
            ids, strings = forms(message.id), forms(message.string)
            compiled = dict(french)
            assert compiled.get(ids[0], compiled.get((ids[0], 0))) == strings[0], "compile it again"
            assert not re.search(r" [:;?!]|«[^\u00a0]", "".join(strings))


@pytest.mark.parametrize("arguments", ["claim show", "user list", "key list", "model list"])
def test_programs_get_the_same_in_every_language(data_dir: Path, arguments: str) -> None:
    command = [*arguments.split(), "--json", "--data-dir", str(data_dir)]
    assert say("fr", *command).stdout == say("en", *command).stdout


def test_a_program_gets_what_discover_always_gave(boxes: list[Found]) -> None:
    boxes.append(_SILENT)
    french = say("fr", "discover", "--json").stdout
    assert french == say("en", "discover", "--json").stdout
    assert re.findall(r'"(reason\w*)": "(.*)"', french) == [("reason", "It did not answer.")]
