# SPDX-License-Identifier: Apache-2.0
"""The list of pages is complete: what it leaves out is held to nothing."""

from pathlib import Path
from types import ModuleType

import pytest
from flask import Flask

import atre_web
from atre.config import Config
from atre_web import create_app
from atre_web.accounts.door import open_door

TEMPLATES = Path(atre_web.__file__).parent / "templates"


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    config = Config(data_dir=tmp_path, runtime_dir=tmp_path / "run", profiles_dir=tmp_path)
    open_door(config, run_key=False)
    return create_app(config)


def test_every_route_that_answers_get_is_a_screen_or_no_page(
    app: Flask, screens: ModuleType
) -> None:
    rules = {rule.rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    listed = {screen.rule for screen in screens.SCREENS if screen.rule}
    assert rules - listed - screens.NO_PAGES == set(), "add them to tests/browser/screens.py"
    assert (listed | screens.NO_PAGES) - rules == set(), "no route any more"
    assert listed & screens.NO_PAGES == set()


def test_every_template_is_a_screen(screens: ModuleType) -> None:
    templates = {path.name for path in TEMPLATES.glob("[!_]*.html")}
    assert {screen.template for screen in screens.SCREENS} == templates


def test_screens_have_names_of_their_own(screens: ModuleType) -> None:
    names = [screen.name for screen in screens.SCREENS]
    assert len(names) == len(set(names))
