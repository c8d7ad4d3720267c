# SPDX-License-Identifier: Apache-2.0
"""A question of the person whose request is served, and the answer that it starts."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from atre.errors import AtreError, ConflictError, InvalidRequestError, NotFoundError
from atre_web.accounts import current
from atre_web.accounts.database import transaction
from atre_web.accounts.disk_full import require_room
from atre_web.chat import conversations, messages, words
from atre_web.chat.attachment import Attachment
from atre_web.chat.attachment_limit import require_within_limit
from atre_web.chat.context import turns
from atre_web.chat.desk import desk
from atre_web.chat.failure import failure_of
from atre_web.chat.message import Message
from atre_web.chat.title import title_from
from atre_web.chat.tree import Tree
from atre_web.chat.writing import KEEP_S, Writing
from atre_web.openai import chat
from atre_web.openai.schema import ChatBody, MessageBody

MAX_QUESTION_CHARS = 200_000


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody asks: after ``parent_id``, an answer, or in place of the question ``replaces``.

    With neither, it goes on from the branch that is shown.
    """

    text: str
    files: list[Attachment] = field(default_factory=list)
    parent_id: int | None = None
    replaces: int | None = None


def begin(question: Question) -> str:
    """Start a conversation with it, and return the conversation's id."""
    text = _checked(question)
    indexed = _indexed(text, question.files)
    connection, now = current.connection(), current.now()
    with _one_at_a_time(), transaction(connection):
        require_within_limit(connection, current.data_dir(), question.files)
        title = title_from(text, [file.name for file in question.files])
        conversation_id = conversations.create(
            connection, current.principal().person_id, title, now=now
        )
        asked = messages.add_question(
            connection, conversation_id, None, text, question.files, indexed=indexed, now=now
        )
        answer_id = _add_answer(conversation_id, asked)
    _start(conversation_id, answer_id)
    return conversation_id


def ask(conversation_id: str, question: Question) -> int:
    """Go on with a conversation, and return the answer's id.

    Raises NotFoundError, InvalidRequestError, and ConflictError while another answer is written.
    """
    text = _checked(question)
    indexed = _indexed(text, question.files)
    connection, now = current.connection(), current.now()
    with _one_at_a_time(), transaction(connection):
        found = conversations.get(connection, current.principal().person_id, conversation_id)
        tree = messages.tree(connection, conversation_id)
        files = list(question.files)
        if question.replaces is not None:
            earlier = _read(connection, tree, question.replaces, "user")
            parent_id = earlier.parent_id
            files = [*earlier.attachments, *files]
            indexed = _indexed(text, files)
        elif question.parent_id is not None:
            parent_id = _read(connection, tree, question.parent_id, "assistant").id
        else:
            parent_id = next(iter(tree.branch(found.shown_id)[-1:]), None)
        require_within_limit(connection, current.data_dir(), files)
        asked = messages.add_question(
            connection, conversation_id, parent_id, text, files, indexed=indexed, now=now
        )
        answer_id = _add_answer(conversation_id, asked)
    _start(conversation_id, answer_id)
    return answer_id


def ask_again(conversation_id: str, question_id: int) -> int:
    """Have a question answered once more, beside the answers that it has. Raises as ``ask``."""
    connection = current.connection()
    with _one_at_a_time(), transaction(connection):
        conversations.get(connection, current.principal().person_id, conversation_id)
        tree = messages.tree(connection, conversation_id)
        asked = _read(connection, tree, question_id, "user")
        answer_id = _add_answer(conversation_id, asked.id)
    _start(conversation_id, answer_id)
    return answer_id


def stop(conversation_id: str, answer_id: int) -> None:
    """End an answer; one that has ended stays as it is. Raises NotFoundError."""
    connection = current.connection()
    conversations.get(connection, current.principal().person_id, conversation_id)
    if answer_id not in messages.tree(connection, conversation_id):
        raise NotFoundError("There is no such answer in this conversation.")
    desk().stop(connection, answer_id)


def _indexed(text: str, files: Sequence[Attachment]) -> str:
    """A question is found by its words and by the names of its files, whose texts are too long."""
    return words.indexed("\n".join([text, *(file.name for file in files)]))


def _checked(question: Question) -> str:
    text = question.text.replace("\r\n", "\n").replace("\0", "").strip()
    if not text and not question.files and question.replaces is None:
        raise InvalidRequestError("The question is empty; write one.", param="question")
    if len(text) > MAX_QUESTION_CHARS:
        raise InvalidRequestError(
            f"The question has {len(text)} characters; at most {MAX_QUESTION_CHARS} are taken. "
            "Attach long texts as files.",
            param="question",
        )
    return text


def _read(connection: sqlite3.Connection, tree: Tree, message_id: int, role: str) -> Message:
    found = messages.read(connection, [message_id]) if message_id in tree else []
    if not found or found[0].role != role:
        raise NotFoundError("There is no such message to go on from in this conversation.")
    return found[0]


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    require_room(current.connection(), current.data_dir())
    try:
        yield
    except sqlite3.IntegrityError as error:
        if "messages.conversation_id" not in str(error):
            raise
        raise ConflictError(
            "An answer is being written in this conversation. Wait for it, or stop it first."
        ) from error


def _add_answer(conversation_id: str, question_id: int) -> int:
    return messages.add_answer(
        current.connection(),
        conversation_id,
        question_id,
        now=current.now(),
        beat=desk().uptime(),
    )


def _start(conversation_id: str, answer_id: int) -> None:
    """Have the answer written; what cannot even begin is kept as a failed answer."""
    connection, at = current.connection(), desk()
    branch = messages.tree(connection, conversation_id).branch(answer_id)
    said = turns(messages.read(connection, branch))
    body = ChatBody(messages=[MessageBody(role=role, content=text) for role, text in said])
    live = at.open(answer_id)
    try:
        relay = chat.begin(body, live.stop, heartbeat_s=KEEP_S)
    except AtreError as error:
        messages.finish(connection, _failed(answer_id, error))
        at.close(live)
        return
    Writing(at, live, relay).start()


def _failed(answer_id: int, error: AtreError) -> Message:
    return Message(
        id=answer_id,
        parent_id=None,  # not written again
        role="assistant",
        state="failed",
        text="",
        failure=failure_of(error),
        created_at=0.0,
    )
