# SPDX-License-Identifier: Apache-2.0
"""Where a single-use link leads: joining the office, or a new password."""

from flask import Blueprint, make_response, render_template
from werkzeug.wrappers import Response

from atre_web.accounts import current, invitations, settings, sign_in
from atre_web.accounts.passwords import MIN_CHARS
from atre_web.accounts.problem import AccountError
from atre_web.panel.account_texts import sentence
from atre_web.panel.form import admit, caller, field

blueprint = Blueprint("invitation", __name__)


@blueprint.get("/invitation/<token>")
def show(token: str) -> Response:
    """The form. Only its POST uses the link up: mail and chat programs open links to preview."""
    return _page(token)


@blueprint.post("/invitation/<token>")
def accept(token: str) -> Response:
    """Use the link up, and sign in."""
    connection = current.connection()
    try:
        if invitations.find(connection, token, now=current.now()).resets is not None:
            opened = sign_in.with_reset_link(connection, token, field("password"), caller())
            current.record("password.reset", opened.person.id, person_id=opened.person.id)
        else:
            opened = sign_in.with_invitation(
                connection,
                token,
                name=field("name"),
                login=field("login"),
                password=field("password"),
                caller=caller(),
            )
            current.record("invitation.accept", opened.person.id, person_id=opened.person.id)
    except AccountError as error:
        return _page(token, 400, problem=sentence(error))
    return admit(opened)


def _page(token: str, status: int = 200, *, problem: str | None = None) -> Response:
    connection = current.connection()
    office = settings.get(connection, settings.OFFICE_NAME)
    try:
        invitation = invitations.find(connection, token, now=current.now())
    except AccountError as error:
        body = render_template("link_used.html", problem=sentence(error))
        return make_response(body, 410)
    body = render_template(
        "invitation.html",
        invitation=invitation,
        office=office,
        problem=problem,
        least=MIN_CHARS,
        name=field("name") or invitation.name,
        login=field("login"),
    )
    return make_response(body, status)
