# SPDX-License-Identifier: Apache-2.0
"""What a real box logs, what it hands to a helper, and that neither holds what people asked."""

import io
import json
import tarfile
import time
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from atre.errors import EngineError

if TYPE_CHECKING:
    from tests.integration.conftest import BoxStarter
    from tests.integration.running_box import RunningBox

CANARY = "zanzibar-canari-4711"
TIMEOUT_S = 30.0
REQUESTS = (
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": CANARY}], "max_tokens": 8}),
    ("/v1/chat/completions", {"messages": [{"role": CANARY, "content": CANARY}]}),
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": CANARY * 20_000}]}),
    ("/v1/chat/completions", {"messages": CANARY}),
    ("/v1/chat/completions", {"model": CANARY, "messages": []}),
    ("/v1/completions", {"prompt": CANARY, "max_tokens": 8, "stop": [CANARY], "stream": True}),
    ("/v1/completions", {"prompt": CANARY, "temperature": CANARY}),
    ("/v1/embeddings", {"model": CANARY, "input": [CANARY]}),
    (f"/v1/models/{CANARY}", None),
    (f"/{CANARY}?q={CANARY}", None),
    (f"/help?q={CANARY}", None),
)


def ask(box: "RunningBox", path: str, body: object = None, *, method: str | None = None) -> bytes:
    """The answer's body, whatever its status."""
    data = None if body is None else json.dumps(body).encode()
    request = Request(
        f"http://127.0.0.1:{box.port}{path}",
        data=data,
        method=method,
        headers={"Authorization": f"Bearer {box.key}", "Content-Type": "application/json"},
    )
    try:
        with urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
            content: bytes = answer.read()
    except HTTPError as error:
        with error:
            content = error.read()
    return content


@pytest.mark.timeout(180)
def test_logs_and_support_file_tell_of_the_box_and_never_of_what_was_asked(
    start_box: "BoxStarter",
) -> None:
    box = start_box()
    before = box.describe().started_at
    ask(box, "/system/engine/restart", method="POST")
    wait_for_another_engine(box, before)
    for path, body in REQUESTS:
        ask(box, path, body)
    ask(box, "/v1/completions", {"prompt": "Bonjour", "max_tokens": 2})
    archive = ask(box, "/system/bundle", method="POST")
    page = ask(box, "/system?log=atre-engine").decode()
    box.stop()
    logs = {path.name: path.read_text() for path in (box.data_dir / "logs").iterdir()}
    assert {"atred.log", "atre-engine.log", "atre-web.log"} <= logs.keys()
    assert logs["atre-engine.log"].count("started as process") == 2
    assert "started as process" in page
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        named = {each.name.removeprefix("./"): each for each in opened if each.isfile()}
        contents = b"".join(
            file.read() for each in named.values() if (file := opened.extractfile(each))
        )
    assert {"logs/atre-engine.log", "versions.json"} <= named.keys()
    everything = " ".join([*logs.values(), box.log(), contents.decode("utf-8", "replace")])
    assert CANARY not in everything
    assert CANARY[:8] not in everything


def wait_for_another_engine(box: "RunningBox", before: float) -> None:
    deadline_s = time.monotonic() + 2 * TIMEOUT_S
    while time.monotonic() < deadline_s:
        try:
            if box.describe().started_at > before:
                return
        except EngineError:
            pass
        time.sleep(0.05)
    pytest.fail(box.log())
