# SPDX-License-Identifier: Apache-2.0
"""Conversations as JSON for the scripts, with the sentences of the reader's language."""

from datetime import date

import flask_babel
from flask import current_app

from atre.errors import EngineError
from atre_web.accounts import current
from atre_web.chat import conversations, messages
from atre_web.chat.days import Span, by_day
from atre_web.chat.desk import desk
from atre_web.chat.message import Conversation, Json, Message
from atre_web.chat.tree import Tree
from atre_web.panel.energy_words import energy_note
from atre_web.panel.texts import chat_texts
from atre_web.panel.wording import decimal, gettext, is_french, ngettext, seconds

SHOWN = 40  # messages on a page; the earlier ones are one click away


def conversation_object(
    conversation_id: str, *, at: int | None = None, whole: bool = False
) -> Json:
    """One conversation of the caller's: the end of the branch that is shown, or of that of ``at``.

    Raises NotFoundError.
    """
    connection = current.connection()
    found = conversations.get(connection, current.principal().person_id, conversation_id)
    running = messages.running(connection, conversation_id)
    if running is not None:
        desk().tidy(connection, running)
    tree = messages.tree(connection, conversation_id)
    tip = tree.newest_tip(at) if at is not None and at in tree else found.shown_id
    ids = tree.branch(tip)
    shown = messages.read(connection, ids if whole else ids[-SHOWN:])
    return {
        **entry(found),
        "shown_id": ids[-1] if ids else None,
        "num_earlier": len(ids) - len(shown),
        "messages": [message_object(message, tree) for message in shown],
        "context": _context(shown),
    }


def entry(conversation: Conversation) -> Json:
    """A conversation as a list has it."""
    return {
        "id": conversation.id,
        "title": conversation.title,
        "created_at": conversation.created_at,
        "changed_at": conversation.changed_at,
    }


def message_object(message: Message, tree: Tree) -> Json:
    """A message with its place among those it can be exchanged for."""
    place = tree.place(message.id)
    return {
        "id": message.id,
        "parent_id": message.parent_id,
        "role": message.role,
        "state": message.state,
        "text": message.text,
        "reasoning": message.reasoning,
        "model": message.model,
        "completion_tokens": message.completion_tokens,
        "seconds": message.seconds,
        "energy": message.energy,
        "created_at": message.created_at,
        "note": note(message),
        "failure": failure(message),
        "waiting": message.waiting,
        "atre": message.extension,
        "attachments": [
            {"name": file.name, "num_tokens": file.num_tokens} for file in message.attachments
        ],
        "place": {
            "number": place.number,
            "count": place.count,
            "previous": place.previous,
            "next": place.next,
        },
    }


def note(message: Message) -> str:
    """What stands under an answer: what it cost, and how it ended."""
    parts: list[str] = []
    if message.completion_tokens is not None and message.seconds is not None:
        parts.append(
            ngettext(
                "%(tokens)s jeton · %(time)s",
                "%(tokens)s jetons · %(time)s",
                message.completion_tokens,
                tokens=decimal(message.completion_tokens),
                time=seconds(message.seconds),
            )
            + f" · {energy_note(message.energy)}"
        )
    if message.state == "stopped":
        parts.append(chat_texts()["stopped"])
    elif message.finish_reason == "length":
        parts.append(chat_texts()["cut"])
    return " — ".join(parts)


def failure(message: Message) -> str:
    """Why there is no answer, or not the whole of it; empty if all is well."""
    if message.state == "interrupted":
        return gettext(
            "La réponse a été interrompue : le boîtier s’est arrêté. Ce qui était écrit est gardé."
        )
    if message.state == "done" and message.role == "assistant" and not message.text:
        return chat_texts()["no_text"]
    error = message.failure
    if message.state != "failed" or error is None:
        return ""
    return _sentence(error, chat_texts())


def _sentence(error: Json, texts: dict[str, str]) -> str:
    code = error.get("code")
    if code == "context_length_exceeded":
        return texts["error_too_long"].format(
            tokens=decimal(error.get("n_prompt_tokens", 0)), limit=decimal(error.get("n_ctx", 0))
        )
    if code == "queue_full":
        wait_s = error.get("retry_after_s", 5)
        return texts["error_queue_one" if wait_s == 1 else "error_queue"].format(seconds=wait_s)
    plain = {
        "permission_denied": gettext("Le compte a été fermé pendant cette réponse."),
        "quota_exceeded": gettext(
            "Votre limite est atteinte pour l’instant. La personne qui gère le boîtier peut la "
            "relever."
        ),
        "no_model": texts["error_no_model"],
        "on_battery": texts["error_on_battery"],
        "battery_low": texts["error_battery_low"],
    }
    if code in plain:
        return plain[code]
    if error.get("type") == "server_error":
        return texts["error_engine"]
    return texts["error_other"].format(message=error.get("message", ""))


def grouped(listed: list[Conversation]) -> list[tuple[str, list[Conversation]]]:
    """Conversations under the words for when they changed."""
    return [(_when(span), group) for span, group in by_day(listed, now=current.now())]


def _when(span: Span) -> str:
    if isinstance(span, date):
        words = str(flask_babel.format_date(span, "LLLL yyyy", rebase=False))
        return words[:1].upper() + words[1:] if is_french() else words
    return {
        "today": gettext("Aujourd’hui"),
        "yesterday": gettext("Hier"),
        "week": gettext("Cette semaine"),
        "month": gettext("Ce mois-ci"),
    }[span]


def _context(shown: list[Message]) -> Json | None:
    """How much of its window the last answer took, where both are known."""
    last = next((each for each in reversed(shown) if each.prompt_tokens is not None), None)
    if last is None:
        return None
    try:
        limit = current_app.extensions["atre.engine"].describe().n_ctx
    except (EngineError, KeyError):
        return None
    return {"used": (last.prompt_tokens or 0) + (last.completion_tokens or 0), "limit": limit}
