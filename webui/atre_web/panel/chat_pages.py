# SPDX-License-Identifier: Apache-2.0
"""The chat and its history as pages: all but the streaming works without a script."""

from typing import Any

from flask import Blueprint, Response, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from atre.errors import ConflictError, InvalidRequestError
from atre_web.accounts import current, settings
from atre_web.chat import asking, conversations, export, messages, prompts, words
from atre_web.chat.asking import Question
from atre_web.chat.attachment import MAX_BYTES, MAX_FILES, Attachment, AttachmentError, attachment
from atre_web.chat.desk import desk
from atre_web.chat.message import Conversation
from atre_web.chat.title import MAX_TITLE_CHARS
from atre_web.panel import language, snapshot
from atre_web.panel.chat_texts import file_problem
from atre_web.panel.chat_view import conversation_object, grouped
from atre_web.panel.form import field, number, number_in
from atre_web.panel.texts import chat_texts, suggestions
from atre_web.panel.wording import gettext

blueprint = Blueprint("chat", __name__)

_LISTED = 30  # beside the conversation; the history page has the rest
_PAGE = 50
_FOUND = 20
_KINDS = {"md": "text/markdown; charset=utf-8", "json": "application/json"}


@blueprint.get("/")
def new() -> BaseResponse:
    """An empty chat; ``?temporary`` for one that leaves nothing, ``?prompt=`` to begin with."""
    prompt_id = request.args.get("prompt")
    text = (
        prompts.get(current.connection(), current.principal(), prompt_id).text if prompt_id else ""
    )
    return _page(None, is_temporary="temporary" in request.args, draft=text)


@blueprint.post("/chat")
def begin() -> BaseResponse:
    """Begin a conversation with the form."""
    try:
        conversation_id = asking.begin(_question())
    except (InvalidRequestError, ConflictError) as error:
        return _page(None, 400, problem=_problem(error), draft=request.form.get("question", ""))
    return redirect(f"/chat/{conversation_id}#end", 303)


@blueprint.get("/chat/<conversation_id>")
def show(conversation_id: str) -> BaseResponse:
    """A conversation; ``?at=`` another branch, ``?edit=`` a question to ask otherwise."""
    return _page(conversation_id)


@blueprint.post("/chat/<conversation_id>")
def ask(conversation_id: str) -> BaseResponse:
    """Go on with the form."""
    try:
        asking.ask(conversation_id, _question())
    except (InvalidRequestError, ConflictError) as error:
        return _page(
            conversation_id, 400, problem=_problem(error), draft=request.form.get("question", "")
        )
    return redirect(f"/chat/{conversation_id}#end", 303)


@blueprint.post("/chat/<conversation_id>/answers")
def ask_again(conversation_id: str) -> BaseResponse:
    """Have a question answered once more."""
    try:
        asking.ask_again(conversation_id, number("question_id") or 0)
    except ConflictError as error:
        return _page(conversation_id, 409, problem=_problem(error))
    return redirect(f"/chat/{conversation_id}#end", 303)


@blueprint.post("/chat/<conversation_id>/stop")
def stop(conversation_id: str) -> BaseResponse:
    """End the answer that is being written."""
    asking.stop(conversation_id, number("answer_id") or 0)
    return redirect(f"/chat/{conversation_id}#end", 303)


@blueprint.get("/chat/<conversation_id>/manage")
def manage(conversation_id: str) -> BaseResponse:
    """Rename, export, delete."""
    return _manage(conversation_id)


@blueprint.post("/chat/<conversation_id>/rename")
def rename(conversation_id: str) -> BaseResponse:
    """Give it another title."""
    try:
        conversations.rename(current.connection(), _me(), conversation_id, field("title"))
    except InvalidRequestError:
        problem = gettext("Un titre a de 1 à %(most)s caractères visibles.", most=MAX_TITLE_CHARS)
        return _manage(conversation_id, 400, problem=problem)
    return redirect(f"/chat/{conversation_id}", 303)


@blueprint.post("/chat/<conversation_id>/delete")
def delete(conversation_id: str) -> BaseResponse:
    """Remove it for good; the page that has the button asks first."""
    running = messages.running(current.connection(), conversation_id)
    conversations.delete(current.connection(), _me(), conversation_id)
    if running is not None:
        desk().stop(current.connection(), running)
    return redirect("/history", 303)


@blueprint.get("/chat/<conversation_id>/export.<kind>")
def download(conversation_id: str, kind: str) -> BaseResponse:
    """The conversation as a file: ``md`` to read, ``json`` with every branch."""
    connection = current.connection()
    found = conversations.get(connection, _me(), conversation_id)
    tree = messages.tree(connection, conversation_id)
    if kind == "json":
        body = export.as_json(found, messages.read(connection, tree.everything()))
    elif kind == "md":
        texts = chat_texts()
        names = {"user": texts["you"], "assistant": texts["assistant"]}
        branch = messages.read(connection, tree.branch(found.shown_id))
        body = export.as_markdown(found, branch, names).encode("utf-8", "replace")
    else:
        return make_response("", 404)
    response = Response(body, content_type=_KINDS[kind])
    response.headers.set(
        "Content-Disposition", "attachment", filename=export.file_name(found, kind)
    )
    return response


@blueprint.get("/history")
def history() -> BaseResponse:
    """Every conversation, or those that have the words of ``?q=``."""
    question = request.args.get("q", "").strip()[:300]
    connection, skip = current.connection(), number_in(request.args.get("skip", ""))
    found: list[words.Found] = []
    listed: list[Conversation] = []
    if question:
        found = words.search(connection, _me(), question, language=language.current(), limit=_FOUND)
    else:
        listed = conversations.latest(connection, _me(), limit=_PAGE + 1, skip=skip)
    return make_response(
        render_template(
            "history.html",
            question=question,
            found=found,
            groups=grouped(listed[:_PAGE]),
            next_skip=skip + _PAGE if len(listed) > _PAGE else None,
            retention_days=settings.read(connection)[0].retention_days,
        )
    )


def _page(
    conversation_id: str | None,
    status: int = 200,
    *,
    problem: str = "",
    draft: str = "",
    is_temporary: bool = False,
) -> BaseResponse:
    at = number_in(request.args.get("at", "")) or None
    shown = (
        conversation_object(conversation_id, at=at, whole="all" in request.args)
        if conversation_id
        else None
    )
    now, connection = snapshot.take(), current.connection()
    listed = conversations.latest(connection, _me(), limit=_LISTED + 1)
    edited = _edited(shown)
    body = render_template(
        "chat.html",
        snapshot=now,
        texts=chat_texts(),
        suggestions=suggestions(),
        conversation=shown,
        running=shown is not None and any(each["state"] == "running" for each in shown["messages"]),
        groups=grouped(listed[:_LISTED]),
        has_more=len(listed) > _LISTED,
        retention_days=settings.read(connection)[0].retention_days,
        is_first_use=not listed,
        is_temporary=is_temporary,
        problem=problem,
        draft=draft or (edited["text"] if edited else ""),
        edited=edited,
        most_files=MAX_FILES,
        most_bytes=MAX_BYTES,
    )
    return make_response(body, status)


def _edited(shown: dict[str, Any] | None) -> dict[str, Any] | None:
    """The question that ``?edit=`` names."""
    wanted = number_in(request.args.get("edit", ""))
    return next(
        (
            each
            for each in (shown["messages"] if shown else [])
            if each["id"] == wanted and each["role"] == "user"
        ),
        None,
    )


def _manage(conversation_id: str, status: int = 200, *, problem: str = "") -> BaseResponse:
    found = conversations.get(current.connection(), _me(), conversation_id)
    body = render_template(
        "conversation.html", conversation=found, problem=problem, most=MAX_TITLE_CHARS
    )
    return make_response(body, status)


def _question() -> Question:
    """What the form asks. Raises AttachmentError."""
    sent = [each for each in request.files.getlist("files") if each.filename]
    if len(sent) > MAX_FILES:
        raise AttachmentError("files_many", "", f"A question takes at most {MAX_FILES} files.")
    files: list[Attachment] = [
        attachment(each.filename or "", each.stream.read(MAX_BYTES + 1)) for each in sent
    ]
    return Question(
        text=request.form.get("question", ""),
        files=files,
        parent_id=number("parent_id"),
        replaces=number("replaces"),
    )


def _problem(error: InvalidRequestError | ConflictError) -> str:
    if isinstance(error, AttachmentError):
        return file_problem(error)
    texts = chat_texts()
    if isinstance(error, ConflictError):
        return texts["error_writing"]
    return texts["error_question"]


def _me() -> str:
    return current.principal().person_id
