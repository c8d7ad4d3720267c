# SPDX-License-Identifier: Apache-2.0
"""What is kept of a conversation."""

from typing import Any, Literal

import msgspec

from atre_web.chat.attachment import Attachment

State = Literal["running", "done", "stopped", "interrupted", "failed"]
Json = dict[str, Any]


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """One conversation; ``shown_id`` is the tip of the branch that is shown. Times: Unix s."""

    id: str
    title: str
    shown_id: int | None
    created_at: float
    changed_at: float


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A question or an answer. What an answer cost is None until, and unless, it is known.

    ``failure`` is the ``error`` object of the API, ``waiting`` the last event before the first
    token, ``extension`` what the box says of the answer beyond OpenAI's fields, ``energy`` is
    ``usage.energy`` of the API.
    """

    id: int
    parent_id: int | None
    role: Literal["user", "assistant"]
    state: State
    text: str
    reasoning: str = ""
    model: str | None = None
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    seconds: float | None = None
    failure: Json | None = None
    waiting: Json | None = None
    extension: Json | None = None
    energy: Json | None = None
    created_at: float
    attachments: list[Attachment] = []
