# SPDX-License-Identifier: Apache-2.0
"""Changing the box's address, safely: what nobody confirms at the new one is taken back.

The page that confirms is open to whoever has its link: at another address the browser has no
session. The link holds the change's own secret and is good for its 30 seconds alone.
"""

from typing import Any

from flask import Blueprint, current_app, make_response, redirect, render_template, request
from werkzeug.wrappers import Response

from atre.errors import AtreError, ConflictError, InvalidRequestError
from atre.ipc.appliance_messages import NetworkChange, NetworkSettings
from atre.network.settings import check
from atre_web.accounts import current
from atre_web.appliance import address_form
from atre_web.appliance.address_form import FormError, Typed
from atre_web.appliance.client import appliance, appliance_or_none
from atre_web.appliance.head_start import HEAD_STARTS, HeadStart
from atre_web.appliance.new_address import new_urls
from atre_web.panel import snapshot
from atre_web.panel.form import field
from atre_web.panel.wording import gettext, said

blueprint = Blueprint("address", __name__)

_TRIAL_S = 30


@blueprint.get("/network/address")
def show() -> Response:
    """The settings that count, and what is on trial."""
    return _page()


@blueprint.post("/network/address")
def change() -> Response:
    """Try other settings, and tell where the box will be."""
    form = address_form.typed(field)
    try:
        settings = address_form.read(form)
        check(settings)
    except FormError as error:
        return _page(400, form=form, wrong=error.param, problem=_sentence(error.param))
    except InvalidRequestError as error:
        return _page(400, form=form, wrong=error.param or "", problem=said(error.sentence))
    machine = appliance_or_none()
    if machine is None:
        return _page(503, form=form)
    if machine.network.refusal:
        return _page(409)
    if machine.network.change or _head_start().is_waiting():
        return _page(409, form=form, problem=gettext("Une autre adresse est déjà à l’essai."))
    link = _head_start().begin(settings, appliance().change_network)
    current.record("network.change")
    return _told(settings, link)


@blueprint.post("/network/address/undo")
def take_back() -> Response:
    """Return to the settings before, at once."""
    try:
        appliance().take_back_network()
    except AtreError as error:
        return _page(503, problem=said(error.sentence))
    current.record("network.undo")
    return redirect("/network/address", 303)


@blueprint.get("/network/address/<change_id>")
def arrive(change_id: str) -> Response:
    """What a browser shows that came to the new address."""
    machine = appliance_or_none()
    trial = machine.network.change if machine else None
    is_it = trial is not None and trial.id == _head_start().change_id(change_id)
    return _arrived(trial if is_it else None)


@blueprint.post("/network/address/<change_id>")
def confirm(change_id: str) -> Response:
    """Keep it: somebody reached the box there."""
    try:
        appliance().confirm_network(_head_start().change_id(change_id)[:64])
    except (ConflictError, InvalidRequestError):
        return _arrived(None)
    except AtreError as error:
        return _arrived(None, problem=said(error.sentence))
    current.record("network.confirm")
    return make_response(render_template("address_kept.html", is_kept=True))


def _head_start() -> HeadStart:
    found: HeadStart = current_app.extensions[HEAD_STARTS]
    return found


def _told(settings: NetworkSettings, link: str) -> Response:
    """Where the box will be. A page that needs no other file: soon the old address is gone."""
    urls = new_urls(settings, link, snapshot.box(), request.host_url)
    return make_response(
        render_template(
            "address_told.html",
            urls=urls,
            seconds=_TRIAL_S,
            old=f"{request.host_url}network/address",
        )
    )


def _arrived(trial: NetworkChange | None, *, problem: str = "") -> Response:
    body = render_template(
        "address_kept.html",
        is_kept=False,
        trial=trial,
        seconds=max(1, round(trial.seconds_left)) if trial else 0,
        problem=problem,
    )
    return make_response(body, 200 if trial else 410)


def _sentence(param: str) -> str:
    """What to write in the field that was refused."""
    return {
        "method": gettext("Choisissez d’où vient l’adresse."),
        "interface": gettext("Choisissez une prise réseau dans la liste."),
        "address": gettext("Écrivez une adresse comme 192.168.1.50."),
        "mask": gettext("Écrivez un masque comme 255.255.255.0, ou 24."),
        "gateway": gettext("Écrivez l’adresse de votre routeur, comme 192.168.1.1, ou rien."),
        "dns": gettext("Écrivez au plus trois adresses, séparées par des espaces."),
    }.get(param, gettext("Une de ces valeurs ne convient pas."))


def _page(status: int = 200, *, form: Typed | None = None, **shown: Any) -> Response:
    machine = appliance_or_none()
    network = machine.network if machine else None
    trial = network.change if network else None
    failure = _head_start().problem()
    body = render_template(
        "address.html",
        network=network,
        form=form or (address_form.kept(network.settings) if network else None),
        refusal=said(network.refusal) if network and network.refusal else "",
        reverted=said(network.last_revert) if network and network.last_revert else "",
        trial=trial,
        seconds=max(1, round(trial.seconds_left)) if trial else 0,
        **{"problem": said(failure) if failure else "", **shown},
    )
    return make_response(body, 503 if network is None and status == 200 else status)  # noqa: PLR2004
