# SPDX-License-Identifier: Apache-2.0
"""What tests of conversations do with the panel's API and with the engine that stands in."""

from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from atre.ipc.messages import Accepted, Delta, Finished, FinishReason
from atre_web.chat.desk import Desk
from atre_web.chat.live import Live

ROOT = "/api/panel/conversations"
PATIENCE_S = 20.0
END = Finished(
    reason=FinishReason.STOP, prompt_tokens=7, cached_tokens=0, completion_tokens=2,
    first_token_ms=1.0, total_ms=2.0,
)  # fmt: skip


def desk_of(app: Flask) -> Desk:
    found: Desk = app.extensions["atre.chat"]
    return found


def begin(client: FlaskClient, question: str = "Combien ?", **more: Any) -> dict[str, Any]:
    answer = client.post(ROOT, json={"question": question, **more})
    assert answer.status_code == 201, answer.text
    return dict(answer.json or {})


def live_of(app: Flask, conversation: dict[str, Any]) -> Live:
    live = desk_of(app).find(conversation["messages"][-1]["id"])
    assert live is not None
    return live


def finish(app: Flask, engine: Any, text: str = "Douze euros.") -> None:
    """Have the newest answer written to its end."""
    (live,) = desk_of(app)._live.values()
    engine.asked[-1].give(Accepted(model="m", prompt_tokens=7), Delta(text=text), END)
    assert live.ended(timeout_s=PATIENCE_S)


def read(client: FlaskClient, conversation: dict[str, Any]) -> dict[str, Any]:
    answer = client.get(f"{ROOT}/{conversation['id']}")
    assert answer.status_code == 200
    return dict(answer.json or {})


def ids(conversation: dict[str, Any]) -> list[int]:
    return [each["id"] for each in conversation["messages"]]
