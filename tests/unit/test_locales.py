# SPDX-License-Identifier: Apache-2.0
"""Which French, English, dates and numbers a reader gets."""

import re
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from atre.sentence import Sentence
from atre_web.accounts import current
from atre_web.accounts.current import Accounts
from atre_web.accounts.database import connect
from atre_web.accounts.migrations import migrate
from atre_web.accounts.running import Running
from atre_web.panel import language, wording

# 22 November 2026, 14:05, wherever the test runs.
MOMENT_S = 1_795_356_300.0
NNBSP, NBSP = "\u202f", "\u00a0"


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    made = Flask("atre_web")
    with closing(connect(tmp_path / "atre.db")) as connection:
        migrate(connection)
    current.install(made, Accounts(tmp_path / "atre.db", time.time, Running(tmp_path)))
    language.install(made)
    wording.install(made)
    return made


@pytest.fixture
def client(app: Flask) -> Iterator[FlaskClient]:
    @app.get("/")
    def tag() -> str:
        return language.tag()

    @app.get("/switch")
    def switch() -> str:
        return " ".join(language.others())

    with app.test_client() as made:
        yield made


@pytest.mark.parametrize(
    ("accepted", "tag"),
    [
        ("fr-CA,fr;q=0.9,en;q=0.8", "fr-CA"),
        ("fr-FR,fr;q=0.9", "fr"),
        ("fr-BE", "fr"),
        ("fr", "fr"),
        ("en-CA,fr-CA;q=0.9", "en"),
        ("en-US", "en"),
        ("de-AT,de", "fr"),
        ("", "fr"),
        ("\u00e9;q=x,,;", "fr"),
    ],
)
def test_the_browser_says_which_french(client: FlaskClient, accepted: str, tag: str) -> None:
    assert client.get("/", headers={"Accept-Language": accepted}).text == tag


def test_a_choice_counts_more_than_the_browser_and_is_kept(client: FlaskClient) -> None:
    headers = {"Accept-Language": "en-GB"}
    assert client.get("/?lang=fr-CA", headers=headers).text == "fr-CA"
    assert client.get("/", headers=headers).text == "fr-CA"
    assert client.get("/?lang=fr", headers=headers).text == "fr"
    assert client.get("/", headers=headers).text == "fr"
    assert client.get("/?lang=fr-ZZ", headers=headers).text == "fr"


def test_the_switch_leads_back_to_the_french_of_the_browser(client: FlaskClient) -> None:
    def offered(path: str, accepted: str) -> str:
        return client.get(path, headers={"Accept-Language": accepted}).text

    assert offered("/switch", "fr-CA") == "en"
    assert offered("/switch?lang=en", "fr-CA,fr;q=0.5") == "fr-CA"
    assert offered("/switch?lang=en", "fr-FR,fr;q=0.5") == "fr"
    assert offered("/switch?lang=en", "de") == "fr"


def said(app: Flask, tag: str, text: str) -> str:
    with app.test_request_context(f"/?lang={tag}"):
        return wording.gettext(text)


def test_canadas_french_has_its_words_and_falls_back_to_frances(app: Flask) -> None:
    assert said(app, "fr-CA", "Discussion") == "Clavardage"
    assert said(app, "fr", "Discussion") == "Discussion"
    assert said(app, "en", "Discussion") == "Chat"
    assert said(app, "fr-CA", "Aide") == "Aide"


def test_canada_sets_no_space_before_high_marks_but_before_the_colon(app: Flask) -> None:
    french = f"Quoi{NBSP}? Oui{NNBSP}! L’un{NBSP}; l’autre{NBSP}: «{NBSP}tout{NBSP}»"
    assert said(app, "fr", french) == french
    assert said(app, "fr-CA", french) == f"Quoi? Oui! L’un; l’autre{NBSP}: «{NBSP}tout{NBSP}»"


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("fr", f"Abîmé{NBSP}: «{NBSP}a:b{NBSP}»{NBSP}; quoi{NBSP}? --x :8080"),
        ("fr-CA", f"Abîmé{NBSP}: «{NBSP}a:b{NBSP}»; quoi? --x :8080"),
        ("en", "Damaged"),
    ],
)
def test_what_the_daemon_says_is_spaced_for_the_reader(app: Flask, tag: str, expected: str) -> None:
    sentence = Sentence("Damaged", "Abîmé : « a:b » ; quoi ? --x :8080")
    with app.test_request_context(f"/?lang={tag}"):
        assert wording.said(sentence) == expected


def test_english_in_a_french_page_is_marked_and_escaped(app: Flask) -> None:
    with app.test_request_context("/?lang=fr"):
        assert wording.quoted(Sentence("<b>", "")) == '<span lang="en">&lt;b&gt;</span>'
        assert wording.quoted(Sentence("<b>", "<i>")) == "&lt;i&gt;"
    with app.test_request_context("/?lang=en"):
        assert wording.quoted(Sentence("<b>", "")) == "&lt;b&gt;"


def test_templates_are_spaced_alike_and_still_escape(app: Flask) -> None:
    with app.test_request_context("/?lang=fr-CA"):
        template = app.jinja_env.from_string(f"{{{{ _('Supprimer %(name)s{NBSP}?', name=name) }}}}")
        assert template.render(name=f"<b>{NBSP}?") == f"Supprimer &lt;b&gt;{NBSP}??"


@pytest.mark.parametrize(
    ("tag", "number", "share", "date", "clock"),
    [
        ("fr", f"1{NNBSP}234", f"43{NBSP}%", r"22 nov\. 2026", r"\d\d:05"),
        ("fr-CA", f"1{NBSP}234", f"43{NBSP}%", r"22 nov\. 2026", r"\d\d\sh\s05"),
        ("en", "1,234", "43%", r"Nov 22, 2026", r"\d{1,2}:05\s[AP]M"),
    ],
)
def test_numbers_and_dates_are_the_readers(
    app: Flask, tag: str, number: str, share: str, date: str, clock: str
) -> None:
    with app.test_request_context(f"/?lang={tag}"):
        assert wording.decimal(1234) == number
        assert wording.percent(0.43) == share
        assert re.fullmatch(f"{date}, {clock}", wording.moment(MOMENT_S))
        assert wording.moment(None) == "—"


def test_every_choice_has_its_catalogue() -> None:
    folder = Path(language.__file__).parents[1] / "translations"
    for tag in language.CHOICES:
        assert tag == "fr" or (folder / tag.replace("-", "_")).is_dir()
