# SPDX-License-Identifier: Apache-2.0
"""A person's own conversations, for the panel's scripts and whoever has a session."""

from typing import Any

from flask import Blueprint, Response, jsonify, request

from atre_web.accounts import current
from atre_web.body_limit import read_body
from atre_web.chat import asking, attachment, conversations, follow, messages, prompts, words
from atre_web.chat.desk import desk
from atre_web.chat.schema import AnswerBody, ChangeBody, QuestionBody
from atre_web.openai.schema import decode_body
from atre_web.panel import language
from atre_web.panel.chat_view import conversation_object, entry
from atre_web.panel.form import LONGEST_FIELD, number_in

blueprint = Blueprint("chat_api", __name__, url_prefix="/api/panel")

_PAGE = 50


@blueprint.get("/conversations")
def list_conversations() -> Response:
    """Fifty of them, the one that changed last first; with ``?q=`` those that have its words."""
    question = request.args.get("q", "")[:LONGEST_FIELD]
    person_id, connection = current.principal().person_id, current.connection()
    if question.strip():
        found = words.search(
            connection, person_id, question, language=language.current(), limit=_PAGE
        )
        return jsonify({"data": [_hit(each) for each in found], "has_more": False})
    skip = number_in(request.args.get("skip", ""))
    listed = conversations.latest(connection, person_id, limit=_PAGE + 1, skip=skip)
    data = [entry(each) for each in listed[:_PAGE]]
    return jsonify({"data": data, "has_more": len(listed) > _PAGE})


@blueprint.post("/conversations")
def begin() -> tuple[Response, int]:
    """Begin one with a question, whose answer is then being written."""
    asked = decode_body(read_body(), QuestionBody).asked()
    return jsonify(conversation_object(asking.begin(asked))), 201


@blueprint.get("/conversations/<conversation_id>")
def show(conversation_id: str) -> Response:
    """The end of the branch that is shown; with ``?all=1`` all of it."""
    return jsonify(conversation_object(conversation_id, whole=request.args.get("all") == "1"))


@blueprint.patch("/conversations/<conversation_id>")
def change(conversation_id: str) -> Response:
    """Rename it, or show another of its branches."""
    body = decode_body(read_body(), ChangeBody)
    connection, person_id = current.connection(), current.principal().person_id
    if body.title is not None:
        conversations.rename(connection, person_id, conversation_id, body.title)
    if body.shown_id is not None:
        conversations.show(connection, person_id, conversation_id, body.shown_id)
    return jsonify(conversation_object(conversation_id))


@blueprint.delete("/conversations/<conversation_id>")
def delete(conversation_id: str) -> tuple[str, int]:
    """Remove it for good."""
    conversations.delete(current.connection(), current.principal().person_id, conversation_id)
    return "", 204


@blueprint.post("/conversations/<conversation_id>/questions")
def ask(conversation_id: str) -> tuple[Response, int]:
    """Ask the next question, or another in place of an earlier one."""
    asking.ask(conversation_id, decode_body(read_body(), QuestionBody).asked())
    return jsonify(conversation_object(conversation_id)), 201


@blueprint.post("/conversations/<conversation_id>/answers")
def ask_again(conversation_id: str) -> tuple[Response, int]:
    """Have a question answered once more."""
    asking.ask_again(conversation_id, decode_body(read_body(), AnswerBody).question_id)
    return jsonify(conversation_object(conversation_id)), 201


@blueprint.post("/conversations/<conversation_id>/answers/<int:answer_id>/stop")
def stop(conversation_id: str, answer_id: int) -> tuple[str, int]:
    """End an answer; what is written of it stays."""
    asking.stop(conversation_id, answer_id)
    return "", 204


@blueprint.get("/conversations/<conversation_id>/answers/<int:answer_id>/events")
def watch(conversation_id: str, answer_id: int) -> Response:
    """An answer as it is written: chunks of a chat completion, the first with all so far."""
    connection, person_id = current.connection(), current.principal().person_id
    conversations.get(connection, person_id, conversation_id)
    if answer_id not in messages.tree(connection, conversation_id):
        return Response(status=404)
    events = follow.events(desk(), answer_id, closing_fd=request.environ.get("atre.ipc.closing"))
    response = Response(events, mimetype="text/event-stream")
    response.headers["X-Accel-Buffering"] = "no"  # nginx passes each event on at once
    return response


@blueprint.post("/attachments")
def read_attachment() -> Response:
    """The text of a file, which is not kept; the body is the file, ``?name=`` its name."""
    file = attachment.attachment(request.args.get("name", ""), read_body())
    return jsonify(
        name=file.name,
        text=file.text,
        num_tokens=file.num_tokens,
        framed=attachment.framed(file),
    )


@blueprint.get("/prompts")
def list_prompts() -> Response:
    """The prompts that the caller may use."""
    found = prompts.visible(current.connection(), current.principal())
    return jsonify(
        data=[
            {
                "id": each.id,
                "title": each.title,
                "text": each.text,
                "is_shared": each.is_shared,
                "author": each.author,
            }
            for each in found
        ]
    )


def _hit(found: words.Found) -> dict[str, Any]:
    excerpt = [{"text": part.text, "is_match": part.is_match} for part in found.fragments]
    return entry(found.conversation) | {"message_id": found.message_id, "excerpt": excerpt}
