# SPDX-License-Identifier: Apache-2.0
"""People and groups, for managers."""

from typing import Any

from flask import Blueprint, make_response, redirect, render_template, request
from markupsafe import Markup
from werkzeug.wrappers import Response

from atre_web.accounts import current, groups, invitations, people, quotas, usage
from atre_web.accounts.people import Person
from atre_web.accounts.principal import Role
from atre_web.accounts.problem import AccountError, ChangedMeanwhileError
from atre_web.panel import snapshot
from atre_web.panel.account_texts import roles, sentence
from atre_web.panel.address import panel_urls, qr_svg
from atre_web.panel.form import field, number, version
from atre_web.panel.wording import gettext

blueprint = Blueprint("people", __name__)


@blueprint.get("/people")
def show() -> Response:
    """Everybody, the invitations that wait, and the groups."""
    return _page()


@blueprint.post("/people/invitations")
def invite() -> Response:
    """Make an invitation, and show its link for the only time."""
    try:
        invitation, token = invitations.invite(
            current.connection(),
            field("name"),
            _role(),
            created_by=_me(),
            group_ids=request.form.getlist("group"),
            now=current.now(),
        )
    except AccountError as error:
        return _page(400, problem=sentence(error))
    current.record("invitation.create", invitation.id)
    return _link(invitation, token)


@blueprint.post("/people/invitations/<invitation_id>/revoke")
def revoke(invitation_id: str) -> Response:
    """Take an invitation back."""
    invitations.revoke(current.connection(), invitation_id)
    current.record("invitation.revoke", invitation_id)
    return redirect("/people", 303)


@blueprint.post("/people/groups")
def create_group() -> Response:
    """Make an empty group."""
    try:
        group = groups.create(current.connection(), field("name"), now=current.now())
    except AccountError as error:
        return _page(400, problem=sentence(error))
    current.record("group.create", group.id)
    return redirect("/people", 303)


@blueprint.post("/people/groups/<group_id>/rename")
def rename_group(group_id: str) -> Response:
    """Give a group another name."""
    try:
        groups.rename(current.connection(), group_id, field("name"))
    except AccountError as error:
        return _page(404 if error.code == "gone" else 400, problem=sentence(error))
    current.record("group.rename", group_id)
    return redirect("/people", 303)


@blueprint.post("/people/groups/<group_id>/delete")
def delete_group(group_id: str) -> Response:
    """Remove a group, not its people."""
    try:
        groups.delete(current.connection(), group_id)
    except AccountError as error:
        return _page(404, problem=sentence(error))
    current.record("group.delete", group_id)
    return redirect("/people", 303)


@blueprint.get("/people/<person_id>")
def show_person(person_id: str) -> Response:
    """One person's role, groups and limits."""
    is_saved = request.args.get("done") == "1"
    return _person_page(person_id, message=gettext("C’est enregistré.") if is_saved else "")


@blueprint.post("/people/<person_id>")
def change(person_id: str) -> Response:
    """Change role, groups and limits."""
    try:
        people.change(
            current.connection(),
            person_id,
            version=version(),
            role=_role(),
            tokens_per_day=number("tokens_per_day"),
            max_concurrent=number("max_concurrent"),
            group_ids=request.form.getlist("group"),
        )
    except (AccountError, ChangedMeanwhileError) as error:
        return _refused(person_id, error)
    current.record("person.change", person_id)
    return redirect(f"/people/{person_id}?done=1", 303)


@blueprint.post("/people/<person_id>/door")
def open_or_close(person_id: str) -> Response:
    """Disable a person, or let them in again."""
    connection = current.connection()
    try:
        if field("door") == "open":
            people.enable(connection, person_id, version=version())
        else:
            people.disable(connection, person_id, version=version(), now=current.now())
    except (AccountError, ChangedMeanwhileError) as error:
        return _refused(person_id, error)
    current.record("person.enable" if field("door") == "open" else "person.disable", person_id)
    return redirect(f"/people/{person_id}", 303)


@blueprint.post("/people/<person_id>/reset")
def reset(person_id: str) -> Response:
    """Make a link for a new password, and show it for the only time."""
    connection = current.connection()
    try:
        person = people.get(connection, person_id)
    except AccountError as error:
        return _page(404, problem=sentence(error))
    made, token = invitations.reset(connection, person, created_by=_me(), now=current.now())
    current.record("password.link", person_id)
    return _link(made, token)


@blueprint.get("/people/<person_id>/delete")
def confirm_delete(person_id: str) -> Response:
    """What deleting would remove, and a button."""
    try:
        person = people.get(current.connection(), person_id)
    except AccountError as error:
        return _page(404, problem=sentence(error))
    return make_response(render_template("person_delete.html", person=person))


@blueprint.post("/people/<person_id>/delete")
def delete(person_id: str) -> Response:
    """Remove a person and everything of theirs."""
    try:
        people.delete(current.connection(), person_id, version=version())
    except (AccountError, ChangedMeanwhileError) as error:
        return _refused(person_id, error)
    # Whoever deleted themselves has no row any more for the audit to name.
    actor = None if person_id == _me() else _me()
    current.record("person.delete", person_id, person_id=actor)
    return redirect("/people", 303)


def _role() -> Role:
    """The role that the form asks for; the least for anything that is none."""
    return next((role for role in roles() if role == field("role")), "guest")


def _me() -> str:
    return current.principal().person_id


def _refused(person_id: str, error: AccountError | ChangedMeanwhileError) -> Response:
    if isinstance(error, AccountError):
        return _person_page(person_id, 400, problem=sentence(error))
    problem = gettext(
        "Quelqu’un d’autre vient de modifier cette personne ; voici ce qu’il en est maintenant. "
        "Recommencez si c’est encore utile."
    )
    return _person_page(person_id, 409, problem=problem)


def _page(status: int = 200, **shown: Any) -> Response:
    connection, now = current.connection(), current.now()
    everybody = people.list_people(connection)
    all_groups = groups.list_groups(connection)
    body = render_template(
        "people.html",
        people=everybody,
        roles=roles(),
        groups=all_groups,
        members={
            group.id: ", ".join(each.name for each in everybody if each.id in group.members)
            for group in all_groups
        },
        invitations=invitations.waiting(connection, now=now),
        **shown,
    )
    return make_response(body, status)


def _person_page(person_id: str, status: int = 200, **shown: Any) -> Response:
    connection = current.connection()
    try:
        person: Person = people.get(connection, person_id)
    except AccountError as error:
        return _page(404, problem=sentence(error))
    body = render_template(
        "person.html",
        person=person,
        roles=roles(),
        groups=groups.list_groups(connection),
        joined=groups.groups_of(connection, person_id),
        quota=quotas.quota_of(connection, person_id),
        tokens_today=usage.tokens_today(connection, person_id, now=current.now()),
        **shown,
    )
    return make_response(body, status)


def _link(made: invitations.Invitation, token: str) -> Response:
    """The page with the link and its QR code, under an address that a colleague reaches."""
    box = snapshot.take().box
    urls = panel_urls(box) if box else []
    base = urls[0] if urls else request.host_url
    url = f"{base.rstrip('/')}{invitations.PATH}{token}"
    body = render_template(
        "invited.html",
        url=url,
        # segno writes numbers and fixed attributes only; the URL is in the modules, not the markup.
        qr=Markup(qr_svg(url)),  # noqa: S704
        name=made.name,
        is_reset=made.resets is not None,
        expires_at=made.expires_at,
        is_local=not urls,
    )
    return make_response(body)
