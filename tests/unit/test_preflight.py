# SPDX-License-Identifier: Apache-2.0
"""What keeps a box from starting is said in both languages, with what to do."""

import socket
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from atre.box.box import why_shut
from atre.box.preflight import check_ports, make_directories, only_box_here
from atre.config import Config, save
from atre.errors import ConfigError
from atre.sentence import Sentence
from atre_web.cli import main as atre_web


def config(folder: Path, port: int = 1) -> Config:
    return Config(data_dir=folder, runtime_dir=folder, profiles_dir=folder, port=port)


def test_two_boxes_never_share_a_folder(tmp_path: Path) -> None:
    second = only_box_here(config(tmp_path))
    with only_box_here(config(tmp_path)), pytest.raises(ConfigError) as caught, second:
        pass
    assert "Another box already runs" in caught.value.sentence.text
    assert "Un autre boîtier tourne déjà" in caught.value.sentence.text_fr


def test_a_port_that_is_taken_is_named_with_its_option(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError) as caught:
            check_ports(config(tmp_path, port))
    assert caught.value.sentence.text.startswith(f"Port {port} cannot be used")
    assert caught.value.sentence.text_fr.startswith(f"Le port {port} ne peut pas servir")
    assert all("--port" in each for each in msgspec.structs.astuple(caught.value.sentence))


def test_a_folder_that_cannot_be_made_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="--data-dir") as caught:
        make_directories(config(tmp_path / "file" / "below"))
    assert "ne peut pas être créé" in caught.value.sentence.text_fr


def test_a_damaged_database_is_told_in_the_words_of_the_panels_process(tmp_path: Path) -> None:
    (tmp_path / "atre.db").write_bytes(b"no database " * 1000)
    save(config(tmp_path), tmp_path / "config.json")
    said = CliRunner().invoke(atre_web, ["prepare", "--config", str(tmp_path / "config.json")])
    assert said.exit_code == 1
    reason = why_shut(said.stderr.strip()).sentence
    assert "restore" in reason.text
    assert "restaurez une sauvegarde" in reason.text_fr


def test_what_ends_that_process_otherwise_is_shown_as_it_is() -> None:
    reason = why_shut("Killed").sentence
    assert reason == Sentence(
        "The accounts cannot be opened: Killed",
        "Les comptes ne s’ouvrent pas\N{NO-BREAK SPACE}: Killed",
    )
