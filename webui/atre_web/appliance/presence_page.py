# SPDX-License-Identifier: Apache-2.0
"""A manager's lost password: a word that only whoever stands before the box can know.

The word is spent before anything is told of who the managers are; what it is exchanged for sets one
password.
"""

from typing import Any

from flask import Blueprint, current_app, make_response, render_template
from werkzeug.wrappers import Response

from atre.errors import AtreError, RequestError
from atre_web.accounts import current, passwords, people, presence, sessions, throttle
from atre_web.accounts.database import transaction
from atre_web.accounts.passwords import MIN_CHARS
from atre_web.accounts.people import Person
from atre_web.accounts.problem import AccountError
from atre_web.accounts.sign_in import Opened
from atre_web.accounts.throttle import BY_PRESENCE
from atre_web.appliance.client import appliance, appliance_or_none
from atre_web.appliance.tickets import TICKETS, Tickets
from atre_web.panel.account_texts import sentence, too_many_tries
from atre_web.panel.form import admit, caller, field
from atre_web.panel.wording import gettext, said

blueprint = Blueprint("presence", __name__)


@blueprint.get("/login/presence")
def show() -> Response:
    """How to come by a word, and the form for it."""
    return _page()


@blueprint.post("/login/presence")
def go_on() -> Response:
    """The word, then the person and the password."""
    return _set_password() if field("ticket") else _use_code()


def _use_code() -> Response:
    connection, now = current.connection(), current.now()
    word = field("code").strip()[:40]
    if not word:
        return _page(400, problem=gettext("Écrivez le mot."))
    with passwords.turn():
        wait_s = throttle.wait_s(connection, "", now=now, limit=BY_PRESENCE)
        if wait_s is not None:
            return _wait(wait_s)
        try:
            means = appliance().use_presence_code(word)
        except RequestError as error:
            throttle.record_failure(connection, "", now=now, limit=BY_PRESENCE)
            current.record("presence.refused")
            return _page(403, problem=said(error.sentence))
        except AtreError as error:
            return _page(503, problem=said(error.sentence))
        throttle.forget(connection, "", limit=BY_PRESENCE)
    current.record("presence.used")
    return _page(ticket=_tickets().make(means, uptime=current.uptime()))


def _set_password() -> Response:
    connection, ticket = current.connection(), field("ticket")
    if _tickets().look(ticket, uptime=current.uptime()) is None:
        return _over()
    person = next((each for each in _managers() if each.id == field("person")), None)
    if person is None:
        return _page(400, ticket=ticket, problem=gettext("Choisissez une personne."))
    try:
        checked = passwords.checked(field("password"))
    except AccountError as error:
        return _page(400, ticket=ticket, problem=sentence(error))
    means = _tickets().use(ticket, uptime=current.uptime())
    if means is None:
        return _over()
    notice = presence.Notice(at=current.now(), name=person.name, means=means)
    with passwords.turn(), transaction(connection):
        people.set_password(connection, person.id, checked)
        presence.note(connection, notice)
    current.record("password.presence", person.id, person_id=person.id)
    who = caller()
    token = sessions.create(connection, person.id, device=who.device, now=who.now)
    return admit(Opened(token, person))


def _managers() -> list[Person]:
    return [
        each
        for each in people.list_people(current.connection())
        if each.role == "manager" and each.disabled_at is None and each.login
    ]


def _tickets() -> Tickets:
    found: Tickets = current_app.extensions[TICKETS]
    return found


def _over() -> Response:
    problem = gettext("Ce mot a déjà servi, ou plus de dix minutes sont passées.")
    return _page(410, problem=problem)


def _wait(wait_s: int) -> Response:
    response = _page(429, problem=too_many_tries(wait_s))
    response.headers["Retry-After"] = str(wait_s)
    return response


def _page(status: int = 200, *, ticket: str = "", **shown: Any) -> Response:
    machine = None if ticket else appliance_or_none()
    body = render_template(
        "presence.html",
        ticket=ticket,
        managers=_managers() if ticket else [],
        chosen=field("person"),
        least=MIN_CHARS,
        file=machine.lost_password_file if machine and machine.is_image else "",
        is_open=machine is not None and (machine.is_image or machine.presence is not None),
        **shown,
    )
    return make_response(body, status)
