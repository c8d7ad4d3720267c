# SPDX-License-Identifier: Apache-2.0
"""``atre claim``: whose box it is, from its own console."""

import sqlite3
import time
from pathlib import Path

import click
import msgspec

from atre.errors import InvalidRequestError
from atre.reset import factory
from atre.sentence import counted
from atre.terminal.language import lang_option, say
from atre.terminal.options import data_dir_option, json_option
from atre_web.accounts import audit, claim
from atre_web.accounts.claim import Claim
from atre_web.accounts.console import database, panel_url, print_json


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What ``atre claim show --json`` prints; no code is ever in it."""

    is_claimed: bool
    has_code: bool
    is_open: bool
    minutes_left: int
    page: str


@click.group("claim")
@lang_option
def claim_group() -> None:
    """Whose box this is. The code is shown when it is made, and never again."""


@claim_group.command()
@data_dir_option
@json_option
@lang_option
def show(data_dir: Path, as_json: bool) -> None:  # noqa: FBT001
    """Say whose the box is, and whether it can be claimed now."""
    with database(data_dir) as connection:
        now = claim.state(connection)
    uptime = time.monotonic()
    is_open = now.is_open(uptime)
    shown = Shown(
        is_claimed=now.is_claimed,
        has_code=now.has_code,
        is_open=is_open,
        minutes_left=int(now.left_s(uptime) / 60),
        page=f"{panel_url(data_dir)}/claim",
    )
    if as_json:
        print_json(shown)
    else:
        click.echo(_sentence(now, shown))


@claim_group.command("open")
@data_dir_option
@lang_option
def open_(data_dir: Path) -> None:
    """Let the box be claimed for an hour, with the code it has."""
    with database(data_dir) as connection:
        if not claim.state(connection).has_code:
            raise InvalidRequestError(
                "There is no code to claim this box with. `atre claim new` makes one for a box "
                "without an owner, `atre claim transfer` for a new owner.",
                "Il n’y a pas de code pour mettre ce boîtier à son nom. `atre claim new` en fait "
                "un pour un boîtier sans propriétaire, `atre claim transfer` pour un nouveau "
                "propriétaire.",
            )
        claim.open_window(connection, uptime=time.monotonic())
        _record(connection, "claim.open")
    page = f"{panel_url(data_dir)}/claim"
    click.echo(say(f"Open for 60 minutes: {page}", f"Ouvert pour 60 minutes : {page}"))


@claim_group.command()
@data_dir_option
@lang_option
def new(data_dir: Path) -> None:
    """Make and print the code of a box without an owner. It is for the label."""
    with database(data_dir) as connection:
        code = claim.new_code(connection, "label", uptime=time.monotonic())
        # After a factory reset it is the label's code again, whoever used it meanwhile.
        factory.keep_label_code(data_dir, claim.stored_code(connection) or "")
        _record(connection, "claim.new")
    click.echo(code)
    click.echo(
        say(
            "Print it on the label now: the box keeps only its hash.",
            "Imprimez-le maintenant sur l’étiquette : le boîtier n’en garde que l’empreinte.",
        ),
        err=True,
    )


@claim_group.command()
@click.option("--withdraw", is_flag=True, help="Make the code of a transfer worthless.")
@data_dir_option
@lang_option
def transfer(data_dir: Path, *, withdraw: bool) -> None:
    """Hand the box over: print a code for the new owner.

    Once it is used, every manager of now is locked out, with their sessions and keys. Everybody
    else stays.
    """
    if withdraw:
        _withdraw(data_dir)
        return
    with database(data_dir) as connection:
        code = claim.new_code(connection, "transfer", uptime=time.monotonic())
        _record(connection, "claim.transfer")
    click.echo(code)
    page = f"{panel_url(data_dir)}/claim"
    click.echo(
        say(
            f"For the new owner, at {page}, within an hour of this or of a start.",
            f"Pour le nouveau propriétaire, à {page}, dans l’heure qui suit ceci ou un démarrage.",
        ),
        err=True,
    )


def _withdraw(data_dir: Path) -> None:
    with database(data_dir) as connection:
        if not claim.withdraw(connection):
            raise InvalidRequestError(
                "No transfer is under way: there is no code to withdraw.",
                "Aucune cession n’est en cours : il n’y a pas de code à retirer.",
            )
        _record(connection, "claim.withdraw")
    click.echo(
        say(
            "The code of the transfer opens nothing any more. The box stays yours.",
            "Le code de la cession n’ouvre plus rien. Le boîtier reste à vous.",
        )
    )


def _sentence(now: Claim, shown: Shown) -> str:
    if now.is_claimed and not now.has_code:
        return say(
            "The box has an owner. `atre claim transfer` hands it over.",
            "Le boîtier a un propriétaire. `atre claim transfer` le cède.",
        )
    if not shown.is_open:
        return say(
            "The claim is closed. `atre claim open` opens it for an hour; so does a restart.",
            "La mise en service est fermée. `atre claim open` l’ouvre pour une heure ; un "
            "redémarrage aussi.",
        )
    code = {
        "start": say("the one that `atre serve` printed", "celui qu’`atre serve` a affiché"),
        "label": say("the one on its label", "celui de son étiquette"),
        "transfer": say(
            "the one that `atre claim transfer` printed", "celui qu’`atre claim transfer` a affiché"
        ),
    }[now.source]
    maker = "transfer" if now.is_claimed else "new"
    return say(
        f"Open for {counted(shown.minutes_left, 'more minute', 'more minutes')} at {shown.page}; "
        f"the code is {code}. "
        f"It cannot be shown again: `atre claim {maker}` makes another.",
        f"Ouvert pour {counted(shown.minutes_left, 'minute', 'minutes', french=True)} encore à "
        f"{shown.page} ; le code est {code}. "
        f"Il ne peut pas être montré de nouveau : `atre claim {maker}` en fait un autre.",
    )


def _record(connection: sqlite3.Connection, action: str) -> None:
    audit.record(connection, action, person_id=None, address="console", now=time.time())
