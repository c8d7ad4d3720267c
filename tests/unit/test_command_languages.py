# SPDX-License-Identifier: Apache-2.0
"""The commands speak the language of ``--lang`` to people, and one language to programs."""

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import click
import msgspec
import pytest
from click.testing import CliRunner

from atre.cli import main
from atre.config import Config
from atre.discovery.found import Found, Record, found
from atre.errors import DiscoveryError
from atre.sentence import Sentence
from atre_web.accounts.door import open_door

# Measures servers, for developers.
_ENGLISH_ONLY = {"atre bench"}
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
    assert say("fr", "discover").stderr == "Error: Aucun réseau.\n"
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
        ("model remove nobody", "Aucun modèle 'nobody'", "No model 'nobody'"),
        ("model remove", "Nommez un modèle", "Name a model"),
        ("model verify", "0 modèles sont intacts", "0 models are whole"),
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


@pytest.mark.parametrize("arguments", ["claim show", "user list", "key list", "model list"])
def test_programs_get_the_same_in_every_language(data_dir: Path, arguments: str) -> None:
    command = [*arguments.split(), "--json", "--data-dir", str(data_dir)]
    assert say("fr", *command).stdout == say("en", *command).stdout


def test_a_program_gets_what_discover_always_gave(boxes: list[Found]) -> None:
    boxes.append(_SILENT)
    french = say("fr", "discover", "--json").stdout
    assert french == say("en", "discover", "--json").stdout
    assert re.findall(r'"(reason\w*)": "(.*)"', french) == [("reason", "It did not answer.")]
