# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path

import click.testing
import pytest

from atre.config import Config
from atre_web.accounts.commands import key
from atre_web.accounts.door import open_door


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    open_door(Config(data_dir=tmp_path, runtime_dir=tmp_path, profiles_dir=tmp_path), run_key=False)
    return tmp_path


def run(data_dir: Path, *arguments: str) -> click.testing.Result:
    return click.testing.CliRunner().invoke(key, [*arguments, "--data-dir", str(data_dir)])


def test_create_prints_the_key_alone_on_stdout(data_dir: Path) -> None:
    result = run(data_dir, "create", "Word")
    assert result.exit_code == 0
    assert result.stdout.startswith("atre-")
    assert result.stdout.count("\n") == 1
    assert "hash" in result.stderr


def test_create_list_revoke_as_json(data_dir: Path) -> None:
    created = json.loads(run(data_dir, "create", "Word", "--json").stdout)
    assert created["key"].startswith("atre-")
    listed = json.loads(run(data_dir, "list", "--json").stdout)
    assert [each["name"] for each in listed] == ["first", "Word"]
    assert "key" not in listed[1]
    revoked = json.loads(run(data_dir, "revoke", created["id"], "--json").stdout)
    assert revoked["revoked_at"] is not None


def test_list_shows_names_as_they_are(data_dir: Path) -> None:
    run(data_dir, "create", "[red]Word[/red]")
    result = run(data_dir, "list")
    assert "[red]Word[/red]" in result.stdout
    assert "live" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("revoke", "nobody"), "atre key list"),
        (("create", "first"), "Choose another name"),
        (("create", "\x1b[31m"), "printable"),
    ],
)
def test_an_error_is_one_line_that_says_what_to_do(
    data_dir: Path, arguments: tuple[str, ...], hint: str
) -> None:
    result = run(data_dir, *arguments)
    assert result.exit_code == 1
    assert hint in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_a_folder_without_a_box_stays_empty(tmp_path: Path) -> None:
    result = run(tmp_path / "elsewhere", "create", "Word")
    assert result.exit_code == 1
    assert "atre serve" in result.stderr
    assert not (tmp_path / "elsewhere").exists()
