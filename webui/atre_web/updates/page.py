# SPDX-License-Identifier: Apache-2.0
"""The page. Every button is a form of its own, so that it works without JavaScript."""

import hashlib
from collections.abc import Callable
from typing import Any

from flask import Response, jsonify, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from atre.errors import (
    AtreError,
    InvalidRequestError,
    UpdateError,
    UpdateProblem,
)
from atre.ipc.update_replies import UpdateOverview
from atre_web.accounts import current
from atre_web.backups import blueprint as backup_room
from atre_web.panel.wording import gettext, said
from atre_web.updates.blueprint import blueprint, updates
from atre_web.updates.view import signature, updates_page
from atre_web.updates.words import job_shown

# What somebody else's click explains: nothing is wrong with the request itself.
_CONFLICTS = frozenset(
    {
        UpdateProblem.BUSY,
        UpdateProblem.NO_JOB,
        UpdateProblem.WRITING,
        UpdateProblem.UNCONFIRMED,
        UpdateProblem.NO_PREVIOUS,
        UpdateProblem.EXPIRED,
    }
)


@blueprint.get("/updates")
def show() -> BaseResponse:
    """The page."""
    return page(message=_messages().get(request.args.get("done", ""), ""))


@blueprint.get("/api/panel/updates.json")
def live() -> Response:
    """What moves on the page, for the script that keeps it fresh."""
    overview = updates().describe()
    shown = job_shown(overview.job)
    job = (
        {"sentence": shown.sentence, "figures": shown.figures, "fraction": shown.fraction}
        if shown
        else None
    )
    return jsonify(version=_version(overview), job=job)


def do(
    act: Callable[[], object],
    *,
    action: str,
    done: str = "",
    subject: str = "",
    is_restarting: bool = False,
) -> BaseResponse:
    """Act, then show the page: anew where it worked, with what is wrong where it did not.

    A box that ``is_restarting`` would no longer be there for the page that a browser is sent to.
    """
    try:
        act()
    except UpdateError as error:
        status = 409 if error.problem in _CONFLICTS else 400
        return page(status, problem=said(error.sentence))
    except InvalidRequestError as error:
        return page(400, problem=said(error.sentence))
    except AtreError as error:
        return page(503, problem=said(error.sentence))
    current.record(action, subject)
    if is_restarting:
        return page(message=_messages()[done], is_restarting=True)
    return redirect(f"/updates?done={done}" if done else "/updates", 303)


def changed() -> BaseResponse:
    """Refuse what was decided on a page that is no longer true."""
    problem = gettext("Entre-temps, quelque chose a changé ici. Relisez cette page, puis décidez.")
    return page(409, problem=problem)


def page(status: int = 200, **shown: Any) -> BaseResponse:
    """The overview, with what is wrong or was done above it."""
    try:
        overview = updates().describe()
    except AtreError:
        body = render_template("updates.html", page=None, **shown)
        is_right = status != 200 or bool(shown.get("message"))  # noqa: PLR2004
        return make_response(body, status if is_right else 503)
    body = render_template(
        "updates.html",
        page=updates_page(overview, backup_room.overview_or_none(), backup_room.targets_or_none()),
        version=_version(overview),
        **shown,
    )
    return make_response(body, status)


def _version(overview: UpdateOverview) -> str:
    """A short name of what the page shows."""
    return hashlib.sha256(signature(overview).encode()).hexdigest()[:16]


def _messages() -> dict[str, str]:
    return {
        "saved": gettext("C’est enregistré."),
        "cancelled": gettext("C’est annulé. Le boîtier reste comme il est."),
        "kept": gettext("Cette version est gardée."),
        "back": gettext(
            "Le boîtier redémarre avec la version d’avant. Pendant une minute ou deux, il ne "
            "répond pas ; cette page se recharge ensuite."
        ),
    }
