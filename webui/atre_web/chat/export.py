# SPDX-License-Identifier: Apache-2.0
"""A conversation as a file; pure."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from atre_web.chat.attachment import framed
from atre_web.chat.message import Conversation, Message


def as_markdown(
    conversation: Conversation, branch: Sequence[Message], names: dict[str, str]
) -> str:
    """The branch that is shown, to read; ``names`` says what "user" and "assistant" are called."""
    parts = [f"# {conversation.title}"]
    for message in branch:
        cost = [_when(message.created_at), *([message.model] if message.model else [])]
        parts.append(f"## {names[message.role]} · {' · '.join(cost)}")
        parts += map(framed, message.attachments)
        parts.append(message.text or "…")
    return "\n\n".join(parts) + "\n"


def as_json(conversation: Conversation, messages: Sequence[Message]) -> bytes:
    """Everything, every branch included, for programs; ``parent_id`` links the messages."""
    document = {
        "format": "atre-conversation",
        "version": 1,
        "title": conversation.title,
        "created_at": _when(conversation.created_at),
        "changed_at": _when(conversation.changed_at),
        "shown_id": conversation.shown_id,
        "messages": [_object(message) for message in messages],
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=1)


def file_name(conversation: Conversation, ending: str) -> str:
    """A name that every system takes for a file."""
    kept = "".join(char if char.isalnum() or char in " -_" else " " for char in conversation.title)
    return f"{' '.join(kept.split())[:60] or 'conversation'}.{ending}"


def _object(message: Message) -> dict[str, object]:
    known = {
        name: value
        for name, value in msgspec.structs.asdict(message).items()
        if value not in (None, "", []) and name not in {"waiting", "created_at", "attachments"}
    }
    files = [{"name": file.name, "text": file.text} for file in message.attachments]
    extra = {"attachments": files} if files else {}
    return known | {"text": message.text, "created_at": _when(message.created_at)} | extra


def _when(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="seconds")
