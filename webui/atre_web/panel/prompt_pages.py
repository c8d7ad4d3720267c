# SPDX-License-Identifier: Apache-2.0
"""The prompt library: texts to begin a question with, one's own and the office's."""

from collections.abc import Callable
from functools import partial

from flask import Blueprint, make_response, redirect, render_template, request
from werkzeug.wrappers import Response

from atre.errors import InvalidRequestError
from atre_web.accounts import current
from atre_web.chat import prompts
from atre_web.chat.prompts import MAX_PROMPT_CHARS
from atre_web.chat.title import MAX_TITLE_CHARS
from atre_web.panel.form import field
from atre_web.panel.wording import decimal, gettext

blueprint = Blueprint("prompts", __name__)


@blueprint.get("/prompts")
def show() -> Response:
    """The library; ``?edit=`` opens one of them to change."""
    return _page()


@blueprint.post("/prompts")
def create() -> Response:
    """Keep a new one."""
    return _keep(partial(prompts.create, current.connection(), current.principal()))


@blueprint.post("/prompts/<prompt_id>")
def change(prompt_id: str) -> Response:
    """Change one of one's own; managers also those that everybody sees."""
    return _keep(partial(prompts.change, current.connection(), current.principal(), prompt_id))


def _keep(keep: Callable[..., object]) -> Response:
    try:
        keep(
            field("title"),
            request.form.get("text", ""),
            is_shared=field("shared") == "on",
            now=current.now(),
        )
    except InvalidRequestError:
        return _page(400, problem=_advice())
    return redirect("/prompts", 303)


@blueprint.post("/prompts/<prompt_id>/delete")
def delete(prompt_id: str) -> Response:
    """Remove one."""
    prompts.delete(current.connection(), current.principal(), prompt_id)
    return redirect("/prompts", 303)


def _page(status: int = 200, *, problem: str = "") -> Response:
    principal = current.principal()
    found = prompts.visible(current.connection(), principal)
    wanted = request.args.get("edit", "")
    edited = next((each for each in found if each.id == wanted), None)
    body = render_template(
        "prompts.html",
        prompts=found,
        may_change={each.id for each in found if each.is_kept_by(principal)},
        edited=edited if edited and edited.is_kept_by(principal) else None,
        is_guest=principal.role == "guest",
        problem=problem,
        typed={"title": field("title"), "text": request.form.get("text", "")[:MAX_PROMPT_CHARS]},
        most_title=MAX_TITLE_CHARS,
        most=MAX_PROMPT_CHARS,
    )
    return make_response(body, status)


def _advice() -> str:
    return gettext(
        "Donnez un titre visible, et un texte de 1 à %(most)s caractères.",
        most=decimal(MAX_PROMPT_CHARS),
    )
