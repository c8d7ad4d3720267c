# SPDX-License-Identifier: Apache-2.0
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import msgspec
import pytest
from flask import Flask
from flask.testing import FlaskClient

from atre.config import Config
from atre.handbook.page import default_handbook_dir, load_pages
from atre_web import create_app
from atre_web.panel import help_pages, language
from atre_web.panel.help_groups import grouped
from atre_web.panel.markdown import to_html


@pytest.fixture
def client(config: Config, key: str) -> Iterator[FlaskClient]:
    with create_app(config).test_client() as made:
        made.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {key}"
        made.environ_base["HTTP_ACCEPT"] = "text/html"
        yield made


def hits(page: str) -> list[str]:
    return re.findall(r'<h2><a href="/help/([\w-]+)">', page)


@pytest.mark.parametrize("path", ["/help", "/help?q=cl%C3%A9", "/help/api-key", "/help/nowhere"])
def test_a_stranger_gets_the_login_page(config: Config, key: str, path: str) -> None:
    assert key
    answer = create_app(config).test_client().get(path, headers={"Accept": "text/html"})
    assert answer.status_code == 401
    assert "Créer une clé d’API" not in answer.text


@pytest.mark.parametrize("spoken", ["fr", "en"])
def test_every_page_of_the_list_opens_in_the_panels_language(
    client: FlaskClient, spoken: str
) -> None:
    listed = client.get(f"/help?lang={spoken}").text
    links = re.findall(r'<li><a href="(/help/[\w-]+)">([^<]+)</a>', listed)
    assert len(links) >= 12
    for path, title in links:
        page = client.get(path)
        assert page.status_code == 200, path
        assert f'<html lang="{spoken}"' in page.text
        assert f"<h1>{title}</h1>" in page.text


def test_no_link_of_a_page_leads_nowhere(client: FlaskClient) -> None:
    listed = re.findall(r'href="(/help/[\w-]+)"', client.get("/help").text)
    for spoken in ("fr", "en"):
        for path in listed:
            body = client.get(f"{path}?lang={spoken}").text
            for target in re.findall(r'<a href="([^"]+)"', body.partition("<article>")[2]):
                assert target in listed, (path, target)


def test_a_question_is_answered_without_a_script(client: FlaskClient) -> None:
    page = client.get("/help", query_string={"q": "comment changer de modèle ?"}).text
    assert hits(page)[0] == "change-model"
    assert 'value="comment changer de modèle ?"' in page
    assert re.search(r"<mark>modèles?</mark>", page)
    assert re.search(r'<form [^>]*method="get" action="/help"', page)
    assert "<script" not in page.partition("<main")[2]


def test_a_question_without_an_answer_gets_the_list(client: FlaskClient) -> None:
    page = client.get("/help", query_string={"q": "zzyzx"}).text
    assert "Aucune page ne parle de cela" in page
    assert hits(page) == []
    assert page.count('href="/help/') >= 12
    assert "Aucune page" not in client.get("/help?q=+").text


@pytest.mark.parametrize(
    "question",
    ['"', "' OR 1", "a* AND (", "\0", "x" * 10_000, "clé " * 2_500, "\u202e", "%FF", "\U0001f525"],
)
def test_a_garbled_question_is_an_ordinary_one(client: FlaskClient, question: str) -> None:
    answer = client.get("/help", query_string={"q": question})
    assert answer.status_code == 200
    shown = re.search(r'name="q" value="([^"]*)"', answer.text)
    assert shown
    assert len(unescape(shown[1])) <= 300


def test_bytes_that_are_no_utf8_are_an_ordinary_question(client: FlaskClient) -> None:
    assert client.get("/help?q=%ff%fe%00%ed%a0%80").status_code == 200


def test_a_question_is_text_not_markup(client: FlaskClient) -> None:
    page = client.get("/help", query_string={"q": '"><script>alert(1)</script>'}).text
    assert "<script>alert" not in page


@pytest.mark.parametrize(
    "name", ["nowhere", "..", "%2e%2e%2fREADME", "09-change-model", "a" * 9000]
)
def test_a_page_that_is_not_there_is_404(client: FlaskClient, name: str) -> None:
    assert client.get(f"/help/{name}").status_code == 404


def test_the_navigation_shows_where_one_is(client: FlaskClient) -> None:
    for path in ("/help", "/help/queue"):
        assert '<a href="/help" aria-current="page">Aide</a>' in client.get(path).text
    assert '<a href="/help">Aide</a>' in client.get("/status").text


def test_a_broken_handbook_costs_the_help_alone(tmp_path: Path, client: FlaskClient) -> None:
    client.application.extensions["atre.handbook"] = help_pages._Shelf(tmp_path)
    answer = client.get("/help")
    assert answer.status_code == 500
    assert "Install Âtre again" in answer.text
    assert client.get("/").status_code == 200


def test_markdown_becomes_markup_and_html_becomes_text() -> None:
    html = to_html("**a** `<b>` <img src=x onerror=y>\n\n<script>z</script>\n\n![c](d.png)")
    assert "<strong>a</strong> <code>&lt;b&gt;</code>" in html
    for tag in ("<img", "<script", "<b>"):
        assert tag not in html


def test_a_link_to_a_file_leads_to_its_page_and_no_other_is_touched() -> None:
    html = to_html(
        "[a](03-the-queue.md) [b](javascript:x) [c](../x.md) [d](https://e.test/f.md)\n\n"
        "| [g](01-h.md) |\n|---|\n| [i](02-j.md) |"
    )
    targets = re.findall(r'href="([^"]+)"', html)
    assert targets == ["/help/the-queue", "../x.md", "https://e.test/f.md", "/help/h", "/help/j"]


def test_a_table_stands_in_a_frame_that_scrolls() -> None:
    html = to_html("| a |\n|---|\n| b |\n\nc")
    assert re.search(
        r'<div class="table" tabindex="0"><table>.*</table></div>\s*<p>c</p>', html, re.DOTALL
    )


def test_the_panels_languages_are_the_handbooks() -> None:
    app = Flask("atre_web")
    help_pages.install(app, default_handbook_dir())
    shelf: help_pages._Shelf = app.extensions["atre.handbook"]
    sizes = {each: len(shelf.handbook.pages(each)) for each in language.LANGUAGES}
    assert min(sizes.values()) == max(sizes.values()) > 0


def test_a_page_of_no_group_is_listed_with_the_managers() -> None:
    pages = [page for page in load_pages(default_handbook_dir()) if page.language == "fr"]
    stray = msgspec.structs.replace(pages[0], name="stray")
    groups = dict(grouped([*pages, stray]))
    assert list(groups) == ["everybody", "manager", "data", "programs"]
    listed = [page.name for each in groups.values() for page in each]
    assert sorted(listed) == sorted([*(page.name for page in pages), "stray"])
    assert groups["manager"][-1].name == "stray"
    assert [group for group, _ in grouped(pages[:1])] == ["everybody"]
