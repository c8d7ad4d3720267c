# SPDX-License-Identifier: Apache-2.0
"""Handing the box over to a new owner, as ``atre claim transfer`` does."""

from typing import Any

from flask import Blueprint, make_response, redirect, render_template, request
from markupsafe import Markup
from werkzeug.wrappers import Response

from atre_web.accounts import claim, current, people
from atre_web.panel import snapshot
from atre_web.panel.account_texts import too_many_tries
from atre_web.panel.address import panel_urls, qr_svg
from atre_web.panel.confirmation import wait_for
from atre_web.panel.form import field
from atre_web.panel.wording import gettext

blueprint = Blueprint("transfer", __name__)


@blueprint.get("/transfer")
def show() -> Response:
    """What a transfer does, or where the one that is under way stands."""
    is_withdrawn = request.args.get("done") == "withdrawn"
    return _page(
        message=gettext("Le transfert est annulé : son code n’ouvre plus rien.")
        if is_withdrawn
        else ""
    )


@blueprint.post("/transfer")
def start() -> Response:
    """Make the code for the new owner, and show it for the only time."""
    connection = current.connection()
    if claim.state(connection).is_transfer:
        problem = gettext("Un transfert est déjà en cours. Annulez-le pour en commencer un autre.")
        return _page(409, problem=problem)
    wait_s = wait_for(field("current"))
    if wait_s is not None:
        return _refused(wait_s)
    code = claim.new_code(connection, "transfer", uptime=current.uptime())
    current.record("claim.transfer")
    return _code(code)


@blueprint.post("/transfer/withdraw")
def withdraw() -> Response:
    """Make the code worthless."""
    if not claim.withdraw(current.connection()):
        problem = gettext("Aucun transfert n’est en cours : il n’y a rien à annuler.")
        return _page(409, problem=problem)
    current.record("claim.withdraw")
    return redirect("/transfer?done=withdrawn", 303)


def _refused(wait_s: int) -> Response:
    wrong = gettext("Le mot de passe actuel n’est pas le bon.")
    if wait_s == 0:
        return _page(403, problem=wrong, is_wrong=True)
    response = _page(429, problem=f"{wrong} {too_many_tries(wait_s)}", is_wrong=True)
    response.headers["Retry-After"] = str(wait_s)
    return response


def _code(code: str) -> Response:
    box = snapshot.take().box
    urls = panel_urls(box) if box else []
    base = (urls[0] if urls else request.host_url).rstrip("/")
    url = f"{base}/claim?code={code}"
    body = render_template(
        "transfer_code.html",
        code=code,
        url=url,
        page=f"{base}/claim",
        # segno writes numbers and fixed attributes only; the URL is in the modules, not the markup.
        qr=Markup(qr_svg(url)),  # noqa: S704
        ends_at=_ends_at(),
        is_local=not urls,
    )
    return make_response(body)


def _page(status: int = 200, **shown: Any) -> Response:
    connection = current.connection()
    now = claim.state(connection)
    body = render_template(
        "transfer.html",
        is_under_way=now.is_transfer,
        ends_at=_ends_at(),
        login=people.get(connection, current.principal().person_id).login,
        **shown,
    )
    return make_response(body, status)


def _ends_at() -> float | None:
    """Until when the code is looked at, in Unix seconds; None while it is not."""
    left_s = claim.state(current.connection()).left_s(current.uptime())
    return current.now() + left_s if left_s else None
