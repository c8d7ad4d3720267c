# SPDX-License-Identifier: Apache-2.0
"""Signing in and out. These pages need no other file: strangers may have none."""

from flask import Blueprint, make_response, redirect, render_template, request
from werkzeug.wrappers import Response

from atre_web.accounts import claim, cookie, current, sessions, settings, sign_in
from atre_web.accounts.guard import session_principal
from atre_web.accounts.problem import AccountError
from atre_web.accounts.sign_in import Opened, Refused
from atre_web.panel.account_texts import sentence, too_many_tries
from atre_web.panel.form import admit, caller, field
from atre_web.panel.wording import gettext

blueprint = Blueprint("login", __name__)


@blueprint.get("/login")
def show() -> Response:
    """The sign-in page, or the panel for somebody who is signed in."""
    if session_principal() is not None:
        return redirect("/", 303)
    return for_stranger()


@blueprint.post("/login")
def with_password() -> Response:
    """Sign in with what was typed."""
    outcome = sign_in.with_password(
        current.connection(), field("login"), field("password"), caller()
    )
    if isinstance(outcome, Opened):
        return admit(outcome)
    current.record("session.refused")
    problem = gettext("L’identifiant ou le mot de passe n’est pas le bon.")
    return _refused("login.html", outcome, problem)


@blueprint.get("/login/recovery")
def recovery() -> Response:
    """A form for a recovery code and a new password."""
    return _page("recovery.html")


@blueprint.post("/login/recovery")
def with_recovery_code() -> Response:
    """Set a new password with a recovery code."""
    try:
        outcome = sign_in.with_recovery_code(
            current.connection(), field("login"), field("code"), field("password"), caller()
        )
    except AccountError as error:
        return _page("recovery.html", status=400, problem=sentence(error))
    if isinstance(outcome, Opened):
        current.record("password.recovered", outcome.person.id, person_id=outcome.person.id)
        return admit(outcome)
    current.record("recovery.refused")
    problem = gettext("L’identifiant ou le code de secours n’est pas le bon.")
    return _refused("recovery.html", outcome, problem)


@blueprint.post("/logout")
def logout() -> Response:
    """Close the session and go back to the sign-in page."""
    principal = current.principal()
    response = redirect("/login", 303)
    sessions.revoke(current.connection(), principal.person_id, principal.id)
    cookie.clear(request, response)
    return response


def for_stranger() -> Response:
    """What any address answers to a browser that is not signed in: where to begin."""
    if not claim.state(current.connection()).is_claimed:
        return redirect("/claim", 303)
    return _page("login.html", status=401)


def _refused(template: str, refused: Refused, problem: str) -> Response:
    if refused.wait_s is None:
        return _page(template, status=401, problem=problem)
    response = _page(template, status=429, problem=f"{problem} {too_many_tries(refused.wait_s)}")
    response.headers["Retry-After"] = str(refused.wait_s)
    return response


def _page(template: str, *, status: int = 200, problem: str | None = None) -> Response:
    connection = current.connection()
    body = render_template(
        template,
        problem=problem,
        login=field("login"),
        office=settings.get(connection, settings.OFFICE_NAME),
    )
    return make_response(body, status)
