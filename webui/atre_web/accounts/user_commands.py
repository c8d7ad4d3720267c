# SPDX-License-Identifier: Apache-2.0
"""``atre user``: the people of a box, from its own console."""

import time
from pathlib import Path
from typing import get_args

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from atre.errors import InvalidRequestError
from atre.terminal.language import lang_option, say
from atre.terminal.options import data_dir_option, json_option
from atre_web.accounts import audit, claim, invitations, people
from atre_web.accounts.console import (
    database,
    date,
    panel_url,
    print_json,
)
from atre_web.accounts.principal import Role

_ADDRESS = "console"


class NewLink(msgspec.Struct, frozen=True, kw_only=True):
    """What ``--json`` prints; the only time that the link is shown."""

    name: str
    link: str
    expires_at: float


@click.group()
@lang_option
def user() -> None:
    """The people who may use the box."""


@user.command()
@click.argument("name")
@click.option("--role", type=click.Choice(get_args(Role)), default="member", show_default=True)
@data_dir_option
@json_option
@lang_option
def add(name: str, role: Role, data_dir: Path, as_json: bool) -> None:  # noqa: FBT001
    """Invite NAME: print a link that works once."""
    now = time.time()
    with database(data_dir) as connection:
        if not claim.state(connection).is_claimed:
            raise InvalidRequestError(
                "This box has no owner yet. Claim it first; `atre claim show` says how.",
                "Ce boîtier n’a pas encore de propriétaire. Mettez-le d’abord à votre nom ; `atre "
                "claim show` dit comment.",
            )
        made, token = invitations.invite(connection, name, role, created_by=None, now=now)
        audit.record(
            connection,
            "invitation.create",
            person_id=None,
            subject=made.id,
            address=_ADDRESS,
            now=now,
        )
    _print_link(data_dir, made.name, token, made.expires_at, as_json=as_json)


@user.command()
@click.argument("login")
@data_dir_option
@json_option
@lang_option
def reset(login: str, data_dir: Path, as_json: bool) -> None:  # noqa: FBT001
    """Print a link with which LOGIN chooses a new password."""
    now = time.time()
    with database(data_dir) as connection:
        person = people.by_login(connection, login)
        if person is None:
            raise InvalidRequestError(
                f"Nobody signs in as {login!r}. `atre user list` shows who does.",
                f"Personne ne se connecte sous {login!r}. `atre user list` montre qui le fait.",
                param="login",
            )
        made, token = invitations.reset(connection, person, created_by=None, now=now)
        audit.record(
            connection,
            "password.link",
            person_id=None,
            subject=person.id,
            address=_ADDRESS,
            now=now,
        )
    _print_link(data_dir, person.name, token, made.expires_at, as_json=as_json)


@user.command("list")
@data_dir_option
@json_option
@lang_option
def list_(data_dir: Path, as_json: bool) -> None:  # noqa: FBT001
    """List the people of the box."""
    with database(data_dir) as connection:
        found = people.list_people(connection)
    if as_json:
        print_json(found)
        return
    table = Table(
        say("login", "identifiant"),
        say("name", "nom"),
        say("role", "rôle"),
        say("since", "depuis"),
        say("state", "état"),
    )
    for each in found:
        is_active = each.disabled_at is None
        state = say("active", "actif") if is_active else say("disabled", "désactivé")
        role = _role(each.role)
        cells = (each.login or "—", escape(each.name), role, date(each.created_at), state)
        table.add_row(*cells)
    Console().print(table)


def _print_link(data_dir: Path, name: str, token: str, expires_at: float, *, as_json: bool) -> None:
    link = f"{panel_url(data_dir)}{invitations.PATH}{token}"
    if as_json:
        print_json(NewLink(name=name, link=link, expires_at=expires_at))
        return
    click.echo(link)
    end = date(expires_at)
    click.echo(
        say(
            f"For {name}. It works once, until {end}.",
            f"Pour {name}. Ce lien sert une seule fois, jusqu’au {end}.",
        ),
        err=True,
    )


def _role(role: Role) -> str:
    french = {"manager": "gestionnaire", "member": "membre", "guest": "invité"}
    return say(role, french[role])
