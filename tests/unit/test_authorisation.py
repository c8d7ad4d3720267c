# SPDX-License-Identifier: Apache-2.0
"""Every route and method, as nobody, as each role and with each kind of key, against routes.txt."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import FORBIDDEN, UNAUTHORIZED
from pathlib import Path

import pytest
from flask import Flask

from atre.config import Config
from atre_web import create_app
from atre_web.accounts import keys
from atre_web.accounts.database import connect
from atre_web.accounts.principal import Role, Scope

PAGE = Path(__file__).with_name("routes.txt")
ROLES: tuple[Role, ...] = ("guest", "member", "manager")
SCOPES: tuple[Scope, ...] = ("chat", "embeddings", "models", "metrics", "admin")
SAME_ORIGIN = {"Origin": "http://localhost"}


@pytest.fixture
def app(config: Config, key: str) -> Flask:
    assert key
    return create_app(config)


@pytest.fixture
def callers(config: Config, settled: Callable[[Role], str]) -> dict[str, dict[str, str]]:
    """What each kind of caller sends."""
    found: dict[str, dict[str, str]] = {"nobody": {}}
    for role in ROLES:
        found[role] = {"Cookie": f"atre={settled(role)}"}
    with closing(connect(config.database)) as connection:
        for scope in SCOPES:
            _, secret = keys.create(connection, scope, now=time.time(), scopes=[scope])
            found[f"key:{scope}"] = {"Authorization": f"Bearer {secret}"}
    return found


def crawled(app: Flask) -> Iterator[tuple[str, str]]:
    for rule in app.url_map.iter_rules():
        for method in sorted(rule.methods or ()):
            yield method, rule.rule


def opens(app: Flask, method: str, rule: str, headers: dict[str, str]) -> bool:
    """Whether the guard lets the request pass: what the route then says of it does not matter."""
    reached: list[str] = []

    def view(**_: str) -> str:
        reached.append(rule)
        return ""

    with pytest.MonkeyPatch.context() as patch:
        for endpoint in app.view_functions:
            patch.setitem(app.view_functions, endpoint, view)
        path = re.sub("<[^>]+>", "anything", re.sub("<int:[^>]+>", "7", rule))
        # Without a cookie jar: each request is one caller's first.
        client = app.test_client(use_cookies=False)
        answer = client.open(path, method=method, headers=SAME_ORIGIN | headers)
    is_refused = answer.status_code in {UNAUTHORIZED, FORBIDDEN}
    # Flask answers OPTIONS itself.
    assert method == "OPTIONS" or is_refused != bool(reached), (method, rule)
    return not is_refused


def test_every_route_opens_to_whom_the_table_says(
    app: Flask, callers: dict[str, dict[str, str]]
) -> None:
    found = {
        f"{rule} {method}: "
        + (" ".join(who for who, sent in callers.items() if opens(app, method, rule, sent)))
        for method, rule in crawled(app)
    }
    written = [line for line in PAGE.read_text("utf-8").splitlines() if line[:1] == "/"]
    assert sorted(found) == written, "if this was meant, change routes.txt with it"


def test_no_open_route_takes_a_form_from_another_site(app: Flask) -> None:
    client = app.test_client()
    posts = [
        line.split()[0] for line in PAGE.read_text("utf-8").splitlines() if " POST: nobody" in line
    ]
    assert len(posts) == 7
    for rule in posts:
        for headers in ({}, {"Origin": "https://elsewhere.example"}, {"Sec-Fetch-Site": "none"}):
            answer = client.post(rule.replace("<token>", "x"), headers=headers)
            assert answer.status_code == FORBIDDEN, (rule, headers)
