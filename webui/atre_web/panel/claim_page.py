# SPDX-License-Identifier: Apache-2.0
"""The page on which a box becomes somebody's."""

from flask import Blueprint, make_response, redirect, render_template, request
from werkzeug.wrappers import Response

from atre_web.accounts import claim, current, sessions
from atre_web.accounts.claim import Form, Taken
from atre_web.accounts.on_link import is_on_link, own_networks
from atre_web.accounts.passwords import MIN_CHARS
from atre_web.accounts.problem import AccountError
from atre_web.accounts.sign_in import Opened
from atre_web.appliance.client import appliance_or_none
from atre_web.panel.account_texts import sentence, too_many_tries
from atre_web.panel.form import admit, caller, field
from atre_web.panel.wording import said

blueprint = Blueprint("claim", __name__)


@blueprint.get("/claim")
def show() -> Response:
    """The form; filled in with the code where the link holds it."""
    now = claim.state(current.connection())
    if now.is_claimed and not now.has_code:
        return redirect("/login", 303)
    return _page(code=request.args.get("code", "")[:100])


@blueprint.post("/claim")
def take() -> Response:
    """Make whoever typed the code the manager."""
    form = Form(
        code=field("code"),
        name=field("name"),
        login=field("login"),
        password=field("password"),
        office=field("office"),
    )
    try:
        outcome = claim.take(
            current.connection(),
            form,
            is_on_link=is_on_link(current.address(), own_networks()),
            now=current.now(),
            uptime=current.uptime(),
        )
    except AccountError as error:
        return _page(400, problem=sentence(error), code=form.code)
    if isinstance(outcome, Taken):
        return _welcome(outcome)
    current.record("claim.refused")
    problem = sentence(AccountError("code_wrong", ""))
    if outcome.wait_s is None:
        return _page(403, problem=problem, code=form.code)
    response = _page(429, problem=f"{problem} {too_many_tries(outcome.wait_s)}", code=form.code)
    response.headers["Retry-After"] = str(outcome.wait_s)
    return response


def _welcome(taken: Taken) -> Response:
    """The session, and the recovery codes for the only time."""
    connection, who = current.connection(), caller()
    person = taken.person
    current.tell_of_claim()
    current.record("claim.taken", person.id, person_id=person.id)
    token = sessions.create(connection, person.id, device=who.device, now=who.now)
    page = render_template("recovery_codes.html", codes=taken.recovery_codes, person=person)
    return admit(Opened(token, person), make_response(page))


def _page(status: int = 200, *, problem: str | None = None, code: str) -> Response:
    connection = current.connection()
    now = claim.state(connection)
    machine = appliance_or_none()
    # A box that cannot open its data looks new: who knows better must read why.
    data_problem = said(machine.data_problem) if machine and machine.data_problem else None
    body = render_template(
        "claim.html",
        problem=problem,
        data_problem=data_problem,
        code=code,
        least=MIN_CHARS,
        is_open=now.is_open(current.uptime()),
        is_transfer=now.is_claimed,
        typed={name: field(name) for name in ("name", "login", "office")},
    )
    return make_response(body, status)
