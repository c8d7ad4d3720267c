# SPDX-License-Identifier: Apache-2.0
"""Nothing but the health route and how to trust the box answers somebody without a key."""

import json
import re
import subprocess
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from atre.config import load
from atre_web import create_app

if TYPE_CHECKING:
    from tests.integration.caller import Caller
    from tests.integration.conftest import CallerMaker
    from tests.integration.running_box import RunningBox

OPEN = {"/healthz", "/trust", "/ca.crt", "/ca.cer", "/atre.mobileconfig"}
# What the forms of strangers answer to somebody who shows nothing: a page, or that a form must come
# from the box's own page. tests/unit/test_authorisation.py says who may use what.
FORMS = {
    "/claim", "/claim/restore", "/login", "/login/presence", "/login/recovery", "/invitation/x",
    "/network/address/x",
}  # fmt: skip
TIMEOUT_S = 30


def routes(box: "RunningBox", client: "Caller") -> Iterator[tuple[str, str]]:
    """Method and path of everything the box serves: its own map, and what it tells the world."""
    app = create_app(load(box.runtime_dir / "config.json"))
    for rule in app.url_map.iter_rules():
        for method in rule.methods or ():
            yield method, re.sub("<[^>]*>", "x", rule.rule)
    with client.get("/openapi.json") as answered:
        document = answered.json()
    for path, operations in document["paths"].items():
        for method in operations:
            yield method.upper(), re.sub("{[^}]*}", "x", path)


def test_every_route_refuses_strangers(
    box: "RunningBox", client: "Caller", make_caller: "CallerMaker"
) -> None:
    served = set(routes(box, client))
    assert len(served) > 12
    answered_to_strangers = set()
    for key in (None, "wrong", f"{box.key}x"):
        stranger = make_caller(box, key)
        for method, path in served:
            with stranger.get(path, method) as answered:
                if answered.status != 401:
                    answered_to_strangers.add((method, path, answered.status))
    assert {path for _, path, _ in answered_to_strangers} == OPEN | FORMS
    posted = {status for method, path, status in answered_to_strangers if method == "POST"}
    assert posted == {403}


@pytest.mark.parametrize(
    "value",
    ["", "Bearer", "Bearer ", "Basic YTpi", "{key}", "Bearer {key} {key}", "Bearer é", "é" * 4000],
)
def test_a_wrong_authorization_is_refused(client: "Caller", value: str) -> None:
    line = f"Authorization: {value.format(key=client.key)}\r\n\r\n".encode()
    with client.connect() as refused:
        refused.send(b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n" + line)
        assert refused.status == 401
        assert refused.response.headers["WWW-Authenticate"].startswith("Bearer")
        assert "atre key create" in refused.error()["message"]


def test_nobody_speaks_for_a_proxy(client: "Caller") -> None:
    forged = {
        "X-Forwarded-Proto": "https", "X-Forwarded-Ssl": "on", "X-Forwarded-For": "10.0.0.9",
        "X-Forwarded-Host": "evil.example", "Forwarded": "proto=https;host=evil.example",
    }  # fmt: skip
    head = client.head("GET", "/v1/models?lang=en", **forged)
    with client.connect().send(head + b"\r\n") as answered:
        assert answered.status == 200
        # A request that counts as TLS would get a Secure cookie.
        assert "Secure" not in answered.response.headers["Set-Cookie"]


def test_another_sites_name_is_refused_whoever_asks(client: "Caller") -> None:
    head = client.head("GET", "/v1/models").replace(b"Host: localhost", b"Host: evil.example")
    with client.connect().send(head + b"\r\n") as refused:
        assert refused.status == 421
        assert refused.error()["code"] == "wrong_host"


def test_an_unknown_route_is_not_told_apart_from_a_known_one(
    box: "RunningBox", make_caller: "CallerMaker"
) -> None:
    with make_caller(box, None).get("/v1/secret-route") as refused:
        assert refused.status == 401


def test_a_key_made_on_a_running_box_works_until_it_is_revoked(
    box: "RunningBox", make_caller: "CallerMaker"
) -> None:
    options = ["--data-dir", str(box.data_dir), "--json"]
    made = json.loads(run_atre(box, "key", "create", "Bureau de poste", *options))
    caller = make_caller(box, made["key"])
    with caller.get("/v1/models") as answered:
        assert answered.status == 200
    run_atre(box, "key", "revoke", "Bureau de poste", *options)
    with caller.get("/v1/models") as refused:
        assert refused.status == 401


def test_a_key_is_never_written_in_clear(box: "RunningBox") -> None:
    assert box.first_key is not None
    files = [path for path in box.data_dir.rglob("*") if path.is_file()]
    assert files
    for secret in (box.first_key, box.key):
        assert not [path for path in files if secret.encode() in path.read_bytes()]
        assert secret not in box.log()


def run_atre(box: "RunningBox", *arguments: str) -> str:
    done = subprocess.run(
        [box.command, *arguments], check=True, capture_output=True, text=True, timeout=TIMEOUT_S
    )
    return done.stdout
