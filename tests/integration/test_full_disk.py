# SPDX-License-Identifier: Apache-2.0
"""A box whose disk has 0 bytes free: it starts, people sign in, read, delete, and write again."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from atre.space.level import room
from atre.space.reserve import held_bytes, make_whole

if TYPE_CHECKING:
    from tests.integration.conftest import BoxStarter
    from tests.integration.running_box import RunningBox

_TIMEOUT_S = 60
_PASSWORD = "un mot de passe de bureau"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, of 160 MiB."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root on Linux")
    place = tmp_path / "box"
    place.mkdir()
    argv = ["mount", "-t", "tmpfs", "-o", "size=160m", "tmpfs", str(place)]
    mounted = subprocess.run(argv, check=False, capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


class Browser:
    """A person at the panel, without scripts."""

    def __init__(self, box: "RunningBox") -> None:
        self._base = f"http://127.0.0.1:{box.port}"
        cookies = urllib.request.HTTPCookieProcessor(CookieJar())
        self._opener = urllib.request.build_opener(cookies)

    def ask(self, method: str, path: str, body: Any = None, form: dict[str, str] | None = None):  # type: ignore[no-untyped-def]
        """Status and text; forms as a browser sends them, anything else as a script does."""
        headers = {"Origin": self._base, "Accept-Language": "fr"}
        data = None
        if form is not None:
            data = urllib.parse.urlencode(form).encode()
            headers["Accept"] = "text/html"
        elif body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        else:
            headers["Accept"] = "text/html" if method == "GET" else "application/json"
        request = urllib.request.Request(  # noqa: S310
            self._base + path, data=data, headers=headers, method=method
        )
        try:
            with self._opener.open(request, timeout=_TIMEOUT_S) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def answered(self, conversation: str) -> str:
        """The text of the last answer, once it is written."""
        path = f"/api/panel/conversations/{conversation}/answers"
        _, text = self.ask("GET", f"/api/panel/conversations/{conversation}")
        last = json.loads(text)["messages"][-1]
        if last["state"] == "running":
            self.ask("GET", f"{path}/{last['id']}/events")  # ends with the answer
            _, text = self.ask("GET", f"/api/panel/conversations/{conversation}")
            last = json.loads(text)["messages"][-1]
        assert last["state"] == "done", last
        return str(last["text"])


def _fill(place: Path) -> None:
    """Leave no byte free."""
    with (place / "ballast").open("ab", buffering=0) as file:
        try:
            while True:
                file.write(bytes(2**20))
        except OSError:
            pass
        try:
            while True:
                file.write(bytes(512))
        except OSError:
            pass
    assert room(place).free_bytes == 0


def _move_in(box: "RunningBox") -> tuple[str, str]:
    """Claim the box, and leave a conversation with an answer and one that takes a megabyte."""
    person = Browser(box)
    assert box.claim_link is not None
    code = urllib.parse.parse_qs(urllib.parse.urlsplit(box.claim_link).query)["code"][0]
    me = {"name": "Marie", "login": "marie", "password": _PASSWORD}
    status, _ = person.ask("POST", "/claim", form={"code": code, "office": "", **me})
    assert status == 200
    _, begun = person.ask("POST", "/api/panel/conversations", {"question": "Qui es-tu ?"})
    kept = json.loads(begun)["id"]
    assert person.answered(kept)
    attachments = [{"name": "a.txt", "text": "Mot. " * 200_000}]
    long = {"question": "Résume ce texte.", "attachments": attachments}
    status, begun = person.ask("POST", "/api/panel/conversations", long)
    assert status == 201, begun
    return kept, json.loads(begun)["id"]


def _signs_in_and_reads(person: Browser, conversation: str) -> None:
    status, page = person.ask("POST", "/login", form={"login": "marie", "password": _PASSWORD})
    assert status == 200, page
    status, page = person.ask("GET", f"/chat/{conversation}")
    assert status == 200
    assert "Qui es-tu" in page
    status, page = person.ask("GET", "/admin")
    assert "rien de nouveau ne" in page


def _is_refused_something_new(person: Browser) -> None:
    status, refusal = person.ask("POST", "/api/panel/conversations", {"question": "Et toi ?"})
    assert status == 507, refusal
    assert json.loads(refusal)["error"]["code"] == "disk_full"
    status, page = person.ask("POST", "/chat", form={"question": "Et toi ?"})
    assert status == 507
    assert "Le disque du boîtier est plein" in page


def test_a_box_without_a_free_byte_serves_deletes_and_writes_again(
    start_box: "BoxStarter", small_disk: Path
) -> None:
    box = start_box()
    kept, large = _move_in(box)
    box.stop()
    assert make_whole(box.data_dir)
    whole = held_bytes(box.data_dir)
    _fill(small_disk)

    box.start()
    started = held_bytes(box.data_dir)
    assert 0 < started < whole
    person = Browser(box)
    _signs_in_and_reads(person, kept)
    _fill(small_disk)  # not even what the slice left
    person = Browser(box)
    _signs_in_and_reads(person, kept)
    assert held_bytes(box.data_dir) < started
    _is_refused_something_new(person)
    asked = {"messages": [{"role": "user", "content": "Qui es-tu ?"}]}
    status, answer = person.ask("POST", "/v1/chat/completions", asked)
    assert status == 200, answer  # an answer that nobody keeps needs no room

    status, text = person.ask("DELETE", f"/api/panel/conversations/{large}")
    assert status == 204, text
    status, begun = person.ask("POST", "/api/panel/conversations", {"question": "Et toi ?"})
    assert status == 201, begun
    assert person.answered(json.loads(begun)["id"])
    assert person.ask("GET", f"/chat/{kept}")[0] == 200
