# SPDX-License-Identifier: Apache-2.0
"""Logging in and out. The only pages that a stranger sees; they need no other file."""

from flask import (
    Blueprint,
    Response,
    make_response,
    redirect,
    render_template,
    request,
)
from werkzeug.wrappers import Response as BaseResponse

from atre_web.accounts import cookie, current, login, login_links, sessions
from atre_web.accounts.guard import session_principal
from atre_web.accounts.login import Opened, Refused
from atre_web.accounts.origin import is_same_origin
from atre_web.accounts.refusal import forbidden

blueprint = Blueprint("login", __name__)


@blueprint.get("/login")
def show() -> BaseResponse:
    """The login page, or the panel for somebody who is logged in."""
    if session_principal() is not None:
        return redirect("/", 303)
    return page()


@blueprint.post("/login")
def with_key() -> BaseResponse:
    """Log in with the key typed into the form."""
    if not is_same_origin(request):
        return _foreign()
    outcome = login.with_key(
        current.connection(),
        request.form.get("key", "").strip(),
        address=_address(),
        now=current.now(),
    )
    return _answer(outcome, "wrong_key")


@blueprint.get("/login/link/<token>")
def show_link(token: str) -> BaseResponse:
    """A page with one button that uses a one-time link."""
    # Only the button's POST uses the link up: mail and chat programs open links to preview them.
    if not login_links.is_valid(current.connection(), token, now=current.now()):
        return page("wrong_link")
    return make_response(render_template("login_link.html"))


@blueprint.post("/login/link/<token>")
def with_link(token: str) -> BaseResponse:
    """Log in with a one-time link, and use it up."""
    if not is_same_origin(request):
        return _foreign()
    outcome = login.with_link(current.connection(), token, address=_address(), now=current.now())
    return _answer(outcome, "wrong_link")


@blueprint.post("/logout")
def logout() -> BaseResponse:
    """Close the session and go back to the login page."""
    principal = current.principal()
    response = redirect("/login", 303)
    if principal.kind == "session":
        sessions.revoke(current.connection(), principal.id, now=current.now())
        cookie.clear(request, response)
    return response


def page(problem: str | None = None, *, wait_s: int | None = None) -> Response:
    """The login page, which is also the 401 answer to any browser that is not logged in."""
    status = 401 if wait_s is None else 429
    body = render_template("login.html", problem=problem, wait_s=wait_s)
    response = make_response(body, status)
    if wait_s is not None:
        response.headers["Retry-After"] = str(wait_s)
    return response


def _answer(outcome: Opened | Refused, problem: str) -> BaseResponse:
    if isinstance(outcome, Refused):
        return page(problem, wait_s=outcome.wait_s)
    earlier = session_principal()
    if earlier is not None:
        sessions.revoke(current.connection(), earlier.id, now=current.now())
    response = redirect("/", 303)
    cookie.write(request, response, outcome.token)
    return response


def _foreign() -> Response:
    return forbidden("This form was not sent from the box's own login page. Open it and try again.")


def _address() -> str:
    return request.remote_addr or "unknown"
