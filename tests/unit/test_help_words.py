# SPDX-License-Identifier: Apache-2.0
"""What ``--help`` says of our own commands, in French and in English."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from babel.support import Translations
from click.testing import CliRunner

from atre import terminal
from atre.cli import main
from atre.terminal.help_words import in_french_words, paragraphs

_LOCALE = Path(terminal.__file__).parent / "locale" / "fr" / "LC_MESSAGES"
# Standard output of a terminal without a size.
_WIDTH = {"COLUMNS": "80"}


def every(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name, each in command.commands.items():
            yield from every(each, f"{path} {name}")


def texts(command: click.Command) -> Iterator[str]:
    """What one command says of itself and its options."""
    if command.help:
        yield command.help
    for each in command.params:
        if isinstance(each, click.Option) and each.help:
            yield each.help


def names(command: click.Command) -> Iterator[str]:
    """What stands for a value in one command's help."""
    for each in command.params:
        yield each.make_metavar(click.Context(command))
        if isinstance(each, click.Option) and isinstance(each.show_default, str):
            yield each.show_default
    if isinstance(command, click.Group) and command.subcommand_metavar:
        yield command.subcommand_metavar


def catalogue() -> Catalog:
    with (_LOCALE / "help.po").open("rb") as file:
        return read_po(file, locale="fr")


def help_of(*arguments: str, **environment: str) -> str:
    said = CliRunner().invoke(main, [*arguments, "--help"], env=_WIDTH | environment)
    assert said.exit_code == 0
    return said.output


def test_every_help_text_is_in_french_and_none_is_left_over() -> None:
    said = {paragraphs(text) for _, each in every(main, "atre") for text in texts(each)}
    named = {name for _, each in every(main, "atre") for name in names(each)}
    written = {str(message.id) for message in catalogue() if message.id and message.string}
    assert len(said) > 100
    assert said - written == set(), "missing: see atre/terminal/help_words.py"
    assert written - said - named == set(), "no longer used"


def test_the_catalogue_is_compiled_and_has_french_typography() -> None:
    with (_LOCALE / "help.mo").open("rb") as file:
        compiled = Translations(file)
    for message in catalogue():
        if message.id:
            assert compiled.gettext(str(message.id)) == message.string, "compile it again"
            assert not re.search(r" [:;?!»]|«[^\u00a0]|[^\W\d_]'[^\W\d_]", str(message.string))


@pytest.mark.parametrize("language", ["fr", "en"])
def test_no_list_of_commands_cuts_a_sentence(language: str) -> None:
    tree = in_french_words(main) if language == "fr" else main
    groups = [(path, each) for path, each in every(tree, "atre") if isinstance(each, click.Group)]
    assert len(groups) > 8
    for path, group in groups:
        listed = help_of(*path.split()[1:], f"--lang={language}").splitlines()
        assert [line for line in listed if re.match(r"  \S.*\.\.\.$", line)] == [], path
        for name, each in group.commands.items():
            first = paragraphs(each.help or "").partition("\n")[0].partition(". ")[0].rstrip(".")
            assert any(re.match(rf"  {name} +{re.escape(first)}", line) for line in listed), name


@pytest.mark.parametrize(
    ("arguments", "french", "english"),
    [
        ("", "Les sauvegardes", "Backups"),
        ("", "COMMANDE [ARGUMENTS]", "COMMAND [ARGS]"),
        ("backup", "Code de retour 3", "Exit status 3"),
        ("backup targets", "Appeler un endroit", "Call a place"),
        ("model pull", "Mégaoctets par seconde", "Megabytes a second"),
        ("model use", "NOM[:ÉCHELLE]", "NAME[:SCALE]"),
        ("serve", "(votre dossier", "(your data"),
        ("claim transfer", "Rendre sans valeur", "worthless"),
    ],
)
def test_help_is_in_the_language_asked_for(arguments: str, french: str, english: str) -> None:
    other = {"fr": "en_US.UTF-8", "en": "fr_FR.UTF-8"}
    for language, there, not_there in (("fr", french, english), ("en", english, french)):
        asked = help_of(*arguments.split(), "--lang", language, LC_ALL=other[language])
        spoken = help_of(*arguments.split(), LC_ALL=f"{language}_CA.UTF-8")
        assert asked == spoken
        assert there in asked
        assert not_there not in asked


def test_the_language_of_a_group_is_that_of_its_verbs(tmp_path: Path) -> None:
    def said(*arguments: str) -> str:
        return CliRunner().invoke(main, [*arguments, "--data-dir", str(tmp_path)]).output

    assert "Nommez un modèle" in said("--lang", "fr", "model", "remove")
    assert "Nommez un modèle" in said("model", "--lang", "fr", "remove")
    assert "Name a model" in said("--lang", "fr", "model", "remove", "--lang", "en")


def test_a_text_is_the_same_however_its_lines_are_broken() -> None:
    assert paragraphs("One\n    two.\n\n    Three\n    four.\n    ") == "One two.\n\nThree four."
