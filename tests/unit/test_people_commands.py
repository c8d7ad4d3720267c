# SPDX-License-Identifier: Apache-2.0
"""``atre user`` and ``atre claim``, as typed on the box."""

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from atre.config import Config
from atre_web.accounts.claim_commands import claim_group
from atre_web.accounts.door import open_door
from atre_web.accounts.user_commands import user


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A box that is nobody's."""
    open_door(Config(data_dir=tmp_path, runtime_dir=tmp_path, profiles_dir=tmp_path), run_key=False)
    return tmp_path


def run(group: click.Group, data_dir: Path, *arguments: str) -> Result:
    return CliRunner().invoke(group, [*arguments, "--data-dir", str(data_dir)])


def test_the_code_is_printed_when_it_is_made_and_never_again(data_dir: Path) -> None:
    made = run(claim_group, data_dir, "new")
    assert made.exit_code == 0
    code = made.stdout.strip()
    assert len(code.replace("-", "")) == 13
    shown = run(claim_group, data_dir, "show")
    assert "label" in shown.stdout
    assert "more minutes" in shown.stdout
    assert code not in shown.output
    assert code not in run(claim_group, data_dir, "show", "--json").output
    assert run(claim_group, data_dir, "open").exit_code == 0


def test_a_box_without_owner_is_neither_handed_over_nor_joined(data_dir: Path) -> None:
    for group, arguments in ((claim_group, ["transfer"]), (user, ["add", "Luc"])):
        refused = run(group, data_dir, *arguments)
        assert refused.exit_code == 1
        assert "no owner" in refused.stderr
        assert refused.stdout == ""


def test_people_are_invited_listed_and_let_back_in(config: Config, key: str) -> None:
    assert key
    invited = json.loads(run(user, config.data_dir, "add", "Luc", "--json").stdout)
    assert "/invitation/" in invited["link"]
    (marie,) = json.loads(run(user, config.data_dir, "list", "--json").stdout)
    assert (marie["login"], marie["role"]) == ("marie", "manager")
    assert "password" not in marie
    assert "/invitation/" in run(user, config.data_dir, "reset", "MARIE").stdout
    unknown = run(user, config.data_dir, "reset", "eve")
    assert "atre user list" in unknown.stderr
    transferred = run(claim_group, config.data_dir, "transfer")
    assert transferred.exit_code == 0
    assert run(claim_group, config.data_dir, "new").exit_code == 1
    shown = run(claim_group, config.data_dir, "show").stdout
    assert "`atre claim transfer` makes another" in shown  # `new` would be refused, as above


def test_a_transfer_that_is_withdrawn_leaves_no_code(config: Config, key: str) -> None:
    assert key
    refused = run(claim_group, config.data_dir, "transfer", "--withdraw")
    assert refused.exit_code == 1
    assert "no code" in refused.stderr
    assert run(claim_group, config.data_dir, "transfer").exit_code == 0
    assert run(claim_group, config.data_dir, "transfer", "--withdraw").exit_code == 0
    shown = run(claim_group, config.data_dir, "show").stdout
    assert shown.startswith("The box has an owner.")
    assert run(claim_group, config.data_dir, "open").exit_code == 1
