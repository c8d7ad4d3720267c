# SPDX-License-Identifier: Apache-2.0
"""A new box that becomes the one that was lost; whoever knows its claim code may have that."""

from http import HTTPStatus

from flask import make_response, redirect, render_template, request
from werkzeug.wrappers import Response

from atre.ipc.media_messages import AddDiskTarget, AddFolderTarget, DiskState
from atre_web.accounts import claim, current
from atre_web.accounts.on_link import is_on_link, own_networks
from atre_web.accounts.problem import AccountError
from atre_web.backups import steps
from atre_web.backups.blueprint import backups, blueprint, media
from atre_web.backups.page import REFUSED
from atre_web.backups.steps import Choice, Steps
from atre_web.backups.view import Offer, offer
from atre_web.panel.account_texts import sentence, too_many_tries
from atre_web.panel.form import field
from atre_web.panel.wording import gettext, said


@blueprint.get("/claim/restore")
def begin_on_new_box() -> Response:
    """The form that asks for the code; nothing of the box is told before it is right."""
    if claim.state(current.connection()).is_claimed:
        return redirect("/login", 303)
    return _door(request.args.get("code", "")[:100])


@blueprint.post("/claim/restore")
def go_on_on_new_box() -> Response:
    """The next step, each with the code."""
    if claim.state(current.connection()).is_claimed:
        return redirect("/login", 303)
    problem = _refusal(field("code"))
    if problem:
        current.record("claim.refused")
        return _door(field("code"), problem)
    try:
        found = _step(field("step"), steps.chosen())
    except REFUSED as error:
        found = Steps(choice=steps.chosen(), problem=said(error.sentence))
    return _page(found, code=field("code"))


def _step(step: str, choice: Choice) -> Steps:
    match step:
        case "preview":
            return steps.previewed(choice)
        case "stage":
            return steps.staged(choice)
        case "apply":
            backups().apply_restore()
            return steps.now(backups().describe())
        case "wait":
            return steps.now(backups().describe())
        case "places":
            return Steps(choice=Choice())
        case _:
            return steps.listed(_with_target(choice))


def _with_target(choice: Choice) -> Choice:
    """The place that was named, made a target of this box if it is none yet. Raises MediaError."""
    disk, path = field("disk"), field("path").strip()
    if choice.target and not path:
        return choice
    known = media().targets().targets
    if disk and not path:
        before = {each.id for each in known}
        known = media().change(AddDiskTarget(disk=disk, label=gettext("Sauvegardes"))).targets
        found = next((each.id for each in known if each.id not in before), "")
    else:
        if not any(each.place == path for each in known):
            known = media().change(AddFolderTarget(path=path, label=path[-64:])).targets
        found = next((each.id for each in known if each.place == path), "")
    return Choice(target=found, unit=choice.unit, key=choice.key)


def _refusal(code: str) -> str:
    """Why this caller may not go on, "" if they may."""
    try:
        wait_s = claim.wait_for_code(
            current.connection(),
            code,
            is_on_link=is_on_link(current.address(), own_networks()),
            now=current.now(),
            uptime=current.uptime(),
        )
    except AccountError as error:
        return sentence(error)
    if wait_s is None:
        return ""
    wrong = sentence(AccountError("code_wrong", ""))
    return f"{wrong} {too_many_tries(wait_s)}" if wait_s else wrong


def _door(code: str, problem: str = "") -> Response:
    """Before the code: not even the names of the disks that are plugged in."""
    body = render_template("claim_restore.html", steps=None, code=code, problem=problem)
    return make_response(body, HTTPStatus.BAD_REQUEST if problem else HTTPStatus.OK)


def _page(found: Steps, *, code: str) -> Response:
    try:
        places = media().targets()
        targets = [each for each in places.targets if each.reason is None]
        disks = [offer(each) for each in places.disks if each.state is DiskState.OFFERED]
    except REFUSED:
        targets, disks = [], list[Offer]()
    body = render_template(
        "claim_restore.html",
        steps=found,
        code=code,
        problem=found.problem,
        targets=targets,
        disks=disks,
    )
    return make_response(body, HTTPStatus.BAD_REQUEST if found.problem else HTTPStatus.OK)
