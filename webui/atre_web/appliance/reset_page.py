# SPDX-License-Identifier: Apache-2.0
"""Making the box as new: what is lost is said first, and a person's password is asked for."""

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, make_response, redirect, render_template
from werkzeug.wrappers import Response

from atre.errors import AtreError, InvalidRequestError
from atre.ipc.appliance_messages import Appliance
from atre.ipc.backup_replies import BackupOverview
from atre_web.accounts import current, people
from atre_web.appliance.client import appliance, appliance_or_none
from atre_web.backups.blueprint import overview_or_none
from atre_web.panel.account_texts import too_many_tries
from atre_web.panel.confirmation import wait_for
from atre_web.panel.form import field
from atre_web.panel.wording import gettext, moment, said

blueprint = Blueprint("reset", __name__)

_DAY_S = 24 * 3600.0
# A backup of this morning is one; what was done since an older one would be missed.
_FRESH_S = 1.5 * _DAY_S


@dataclass(frozen=True, slots=True)
class BackupAge:
    """The newest backup in words, and whether to make one first."""

    text: str
    is_old: bool


@blueprint.get("/reset")
def show() -> Response:
    """What is lost, and the form; or the reset that waits."""
    return _page()


@blueprint.post("/reset")
def order() -> Response:
    """Erase everything, and start anew."""
    wait_s = wait_for(field("current"))
    if wait_s is not None:
        wrong = gettext("Le mot de passe actuel n’est pas le bon.")
        if wait_s == 0:
            return _page(403, problem=wrong, wrong="current")
        response = _page(429, problem=f"{wrong} {too_many_tries(wait_s)}", wrong="current")
        response.headers["Retry-After"] = str(wait_s)
        return response
    me = people.get(current.connection(), current.principal().person_id)
    try:
        found = appliance().order_factory_reset(field("typed").strip()[:100], me.name)
    except InvalidRequestError:
        problem = gettext("Rien n’a été effacé. Recopiez le numéro de série, tel qu’il est écrit.")
        return _page(400, problem=problem, wrong="typed")
    except AtreError as error:
        return _page(503, problem=said(error.sentence))
    current.record("reset.order")
    return make_response(render_template("reset_ordered.html", machine=found))


@blueprint.post("/reset/undo")
def take_back() -> Response:
    """Erase nothing after all."""
    try:
        appliance().take_back_factory_reset()
    except AtreError as error:
        return _page(503, problem=said(error.sentence))
    current.record("reset.undo")
    return redirect("/reset", 303)


def backup_age(overview: BackupOverview | None, now: float) -> BackupAge:
    """How old the newest backup is: what would come back."""
    if overview is None:
        return BackupAge(gettext("inconnue : le service d’administration ne répond pas"), True)
    made = [each.last_backup_at for each in overview.targets if each.last_backup_at is not None]
    if not made:
        return BackupAge(gettext("il n’y en a aucune"), True)
    return BackupAge(moment(max(made)), now - max(made) > _FRESH_S)


def _page(status: int = 200, **shown: Any) -> Response:
    connection = current.connection()
    machine: Appliance | None = appliance_or_none()
    (num_conversations,) = connection.execute("SELECT count(*) FROM conversations").fetchone()
    body = render_template(
        "reset.html",
        machine=machine,
        num_people=len(people.list_people(connection)),
        num_conversations=num_conversations,
        backup=backup_age(overview_or_none(), current.now()),
        login=people.get(connection, current.principal().person_id).login,
        **shown,
    )
    return make_response(body, 503 if machine is None and status == 200 else status)  # noqa: PLR2004
