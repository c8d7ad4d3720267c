# SPDX-License-Identifier: Apache-2.0
"""A person's own account: name, language, password, sessions, keys, recovery codes."""

from typing import Any

from flask import Blueprint, make_response, redirect, render_template, request
from werkzeug.wrappers import Response

from atre_web.accounts import current, keys, passwords, people, recovery, sessions
from atre_web.accounts.database import transaction
from atre_web.accounts.principal import SCOPES, SCOPES_OF_ROLE
from atre_web.accounts.problem import AccountError
from atre_web.accounts.sign_in import Opened
from atre_web.panel import language
from atre_web.panel.account_texts import scopes, sentence, too_many_tries
from atre_web.panel.confirmation import wait_for
from atre_web.panel.form import admit, caller, field
from atre_web.panel.wording import gettext

blueprint = Blueprint("account", __name__)


@blueprint.get("/account")
def show() -> Response:
    """The page; ``?done`` says what was done."""
    done = {
        "1": gettext("C’est enregistré."),
        "password": gettext("Votre mot de passe est changé ; vos autres sessions sont closes."),
    }
    return _page(message=done.get(request.args.get("done", ""), ""))


@blueprint.post("/account")
def change() -> Response:
    """Change the name and the language."""
    chosen = field("locale") if field("locale") in language.CHOICES else language.tag()
    try:
        people.set_own(
            current.connection(), current.principal().person_id, name=field("name"), locale=chosen
        )
    except AccountError as error:
        return _page(400, problem=sentence(error))
    response = redirect("/account?done=1", 303)
    language.choose(response, chosen)
    return response


@blueprint.post("/account/password")
def change_password() -> Response:
    """Set a new password; every other session ends."""
    connection, me, who = current.connection(), current.principal().person_id, caller()
    try:
        checked = passwords.checked(field("password"))
    except AccountError as error:
        return _page(400, problem=sentence(error))
    refused = _refusal_to_confirm(field("current"))
    if refused is not None:
        return refused
    with passwords.turn(), transaction(connection):
        people.set_password(connection, me, checked)
    current.record("password.change", me)
    token = sessions.create(connection, me, device=who.device, now=who.now)
    return admit(Opened(token, people.get(connection, me)), redirect("/account?done=password", 303))


@blueprint.post("/account/recovery")
def renew_recovery_codes() -> Response:
    """Make new recovery codes, and show them for the only time."""
    connection, me = current.connection(), current.principal().person_id
    refused = _refusal_to_confirm(field("current"))
    if refused is not None:
        return refused
    with transaction(connection):
        codes = recovery.renew(connection, me)
    current.record("recovery.renew", me)
    person = people.get(connection, me)
    return make_response(render_template("recovery_codes.html", codes=codes, person=person))


@blueprint.post("/account/sessions/<session_id>/end")
def end_session(session_id: str) -> Response:
    """Close one of one's own sessions."""
    sessions.revoke(current.connection(), current.principal().person_id, session_id)
    current.record("session.end")
    return redirect("/account", 303)


@blueprint.post("/account/keys")
def create_key() -> Response:
    """Make a key, and show it for the only time."""
    wanted = [scope for scope in SCOPES if scope in request.form.getlist("scope")]
    try:
        key, secret = keys.create(
            current.connection(),
            field("name"),
            now=current.now(),
            person_id=current.principal().person_id,
            scopes=wanted,
        )
    except AccountError as error:
        return _page(400, problem=sentence(error))
    current.record("key.create", key.id)
    return _page(new_key=secret)


@blueprint.post("/account/keys/<key_id>/revoke")
def revoke_key(key_id: str) -> Response:
    """End one of one's own keys."""
    try:
        keys.revoke(
            current.connection(),
            key_id,
            now=current.now(),
            person_id=current.principal().person_id,
        )
    except AccountError as error:
        return _page(404, problem=sentence(error))
    current.record("key.revoke", key_id)
    return redirect("/account", 303)


def _refusal_to_confirm(password: str) -> Response | None:
    """None if it is still its person at the keyboard, else the answer."""
    wait_s = wait_for(password)
    if wait_s is None:
        return None
    wrong = gettext("Le mot de passe actuel n’est pas le bon.")
    if wait_s == 0:
        return _page(403, problem=wrong)
    response = _page(429, problem=f"{wrong} {too_many_tries(wait_s)}")
    response.headers["Retry-After"] = str(wait_s)
    return response


def _page(status: int = 200, **shown: Any) -> Response:
    connection, principal = current.connection(), current.principal()
    person = people.get(connection, principal.person_id)
    body = render_template(
        "account.html",
        person=person,
        sessions=sessions.list_sessions(connection, person.id, now=current.now()),
        own_session=principal.id,
        keys=[key for key in keys.list_keys(connection, person.id) if key.revoked_at is None],
        scopes={
            scope: name for scope, name in scopes().items() if scope in SCOPES_OF_ROLE[person.role]
        },
        num_codes=recovery.num_left(connection, person.id),
        least=passwords.MIN_CHARS,
        **shown,
    )
    return make_response(body, status)
