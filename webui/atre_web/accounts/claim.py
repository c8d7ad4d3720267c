# SPDX-License-Identifier: Apache-2.0
"""Whose box it is: a code shown on its console or label, and what whoever knows it becomes."""

import sqlite3
from dataclasses import dataclass
from typing import Literal

import msgspec

from atre_web.accounts import claim_code, passwords, people, recovery, settings, throttle
from atre_web.accounts.database import transaction
from atre_web.accounts.people import LOCAL, Person
from atre_web.accounts.problem import AccountError
from atre_web.accounts.throttle import BY_CLAIM

WINDOW_S = 3600.0

Source = Literal["start", "label", "transfer"]


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """Where the claim stands. ``opened_s`` counts from the machine's start, as ``uptime`` does.

    A code of ``start`` lives until the next start, one of a ``label`` until it is used, one of a
    ``transfer`` too, on a box that is somebody's until then.
    """

    has_code: bool
    source: Source
    opened_s: float | None
    claimed_at: float | None

    @property
    def is_claimed(self) -> bool:
        return self.claimed_at is not None

    def is_open(self, uptime: float) -> bool:
        """Whether the code would be looked at now. No clock that can be set has a say in it."""
        if not self.has_code or self.opened_s is None:
            return False
        return 0 <= uptime - self.opened_s < WINDOW_S

    def left_s(self, uptime: float) -> float:
        """For how long the code will still be looked at, 0 while it is not."""
        is_open = self.opened_s is not None and self.is_open(uptime)
        return WINDOW_S - (uptime - (self.opened_s or 0.0)) if is_open else 0.0

    @property
    def is_transfer(self) -> bool:
        """Whether the box is somebody's who hands it over."""
        return self.is_claimed and self.has_code


_UNOWNED = (
    "This box has no owner yet: `atre claim new` makes its code.",
    "Ce boîtier n’a pas encore de propriétaire : `atre claim new` fait son code.",
)
_OWNED = (
    "This box is somebody's already. `atre claim transfer` hands it over.",
    "Ce boîtier est déjà à quelqu’un. `atre claim transfer` le cède.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What the new owner typed."""

    code: str
    name: str
    login: str
    password: str
    office: str


@dataclass(frozen=True, slots=True)
class Taken:
    """The first manager, with recovery codes that are shown this once."""

    person: Person
    recovery_codes: list[str]


@dataclass(frozen=True, slots=True)
class WrongCode:
    """Not the box's code; ``wait_s`` says when to try again, None for at once."""

    wait_s: int | None


def state(connection: sqlite3.Connection) -> Claim:
    """Where the claim stands now."""
    row = connection.execute(
        "SELECT code IS NOT NULL AS has_code, source, opened_s, claimed_at FROM claim"
    ).fetchone()
    return msgspec.convert(dict(row), Claim, strict=False)


def new_code(connection: sqlite3.Connection, source: Source, *, uptime: float) -> str:
    """Make a code in place of the one before, open the window, and return it as printed.

    Raises AccountError for a box that is claimed, unless the code is for its ``transfer``.
    """
    digits = claim_code.new_code()
    with passwords.turn():
        stored = passwords.hashed(digits)
    with transaction(connection):
        if state(connection).is_claimed != (source == "transfer"):
            raise AccountError("claimed", *(_UNOWNED if source == "transfer" else _OWNED))
        connection.execute(
            "UPDATE claim SET code = ?, source = ?, opened_s = ?", (stored, source, uptime)
        )
        throttle.forget(connection, "", limit=BY_CLAIM)
    return claim_code.printed(digits)


def take_label(connection: sqlite3.Connection, stored: str, *, uptime: float) -> None:
    """Let the code count of which the reseller printed a label; ``stored`` is its hash.

    A box that is somebody's stays what it is.
    """
    connection.execute(
        "UPDATE claim SET code = ?, source = 'label', opened_s = ? WHERE claimed_at IS NULL",
        (stored, uptime),
    )


def open_window(connection: sqlite3.Connection, *, uptime: float) -> None:
    """Let the code be used for the next hour; without a code this changes nothing."""
    connection.execute("UPDATE claim SET opened_s = ? WHERE code IS NOT NULL", (uptime,))


def withdraw(connection: sqlite3.Connection) -> bool:
    """Forget the code of a transfer that is not wanted any more; whether there was one."""
    changed = connection.execute(
        "UPDATE claim SET code = NULL WHERE source = 'transfer' AND code IS NOT NULL"
    )
    return changed.rowcount > 0


def take(
    connection: sqlite3.Connection, form: Form, *, is_on_link: bool, now: float, uptime: float
) -> Taken | WrongCode:
    """Make whoever knows the code the manager, and the code worthless.

    A transfer ends what the earlier owner had: managers are disabled, and with them their sessions
    and keys, the keys of the console too. Raises AccountError if the claim is not open to this
    caller, or a field cannot be taken; neither counts as a try.
    """
    _check_open(connection, is_on_link=is_on_link, uptime=uptime)
    people.checked_name(form.name)
    people.checked_login(form.login)
    password = passwords.checked(form.password)
    office = people.checked_name(form.office) if form.office.strip() else None
    with passwords.turn():
        checked = _check_code(connection, form.code, now)
        if isinstance(checked, WrongCode):
            return checked
        code = checked
        stored = passwords.hashed(password)
    with transaction(connection):
        used_up = connection.execute(
            "UPDATE claim SET code = NULL, opened_s = NULL, claimed_at = ? WHERE code = ?",
            (now, code),
        )
        if used_up.rowcount != 1:
            raise _closed()
        _end_earlier_owners(connection, now)
        person = people.create(
            connection,
            form.name,
            form.login,
            "manager",
            password=stored,
            now=now,
        )
        if office:
            settings.put(connection, settings.OFFICE_NAME, office)
        throttle.forget(connection, "", limit=BY_CLAIM)
        return Taken(person, recovery.renew(connection, person.id))


def wait_for_code(
    connection: sqlite3.Connection, typed: str, *, is_on_link: bool, now: float, uptime: float
) -> int | None:
    """Whether somebody knows the code, which stays what it is: None after the right one.

    Else how many seconds to wait before another try, perhaps 0. Raises AccountError if the claim is
    not open to this caller.
    """
    _check_open(connection, is_on_link=is_on_link, uptime=uptime)
    with passwords.turn():
        checked = _check_code(connection, typed, now)
    return (checked.wait_s or 0) if isinstance(checked, WrongCode) else None


def _check_code(connection: sqlite3.Connection, typed: str, now: float) -> str | WrongCode:
    """The stored code that was typed rightly; a wrong one counts as a try."""
    digits = claim_code.read(typed)
    wait_s = throttle.wait_s(connection, "", now=now, limit=BY_CLAIM)
    if wait_s is not None:
        return WrongCode(wait_s)
    code: str | None = connection.execute("SELECT code FROM claim").fetchone()["code"]
    if not passwords.is_right(digits, code) or code is None:
        throttle.record_failure(connection, "", now=now, limit=BY_CLAIM)
        return WrongCode(throttle.wait_s(connection, "", now=now, limit=BY_CLAIM))
    return code


def _check_open(connection: sqlite3.Connection, *, is_on_link: bool, uptime: float) -> None:
    if not is_on_link:
        raise AccountError(
            "off_link",
            "The box is claimed from its own network only. Join its network or its Wi-Fi, or use "
            "the machine itself.",
        )
    now = state(connection)
    if now.is_claimed and not now.has_code:
        raise AccountError("claimed", "This box is somebody's already. Sign in.")
    if not now.is_open(uptime):
        raise _closed()


def _closed() -> AccountError:
    return AccountError(
        "window",
        "The claim is closed: it is open for an hour after a start. Restart the box, or type "
        "`atre claim open` on it.",
    )


def _end_earlier_owners(connection: sqlite3.Connection, now: float) -> None:
    managers = "SELECT id FROM people WHERE role = 'manager' AND id != ?"
    for table in ("sessions", "recovery_codes"):
        connection.execute(f"DELETE FROM {table} WHERE person_id IN ({managers})", (LOCAL,))  # noqa: S608
    connection.execute("DELETE FROM invitations")
    if connection.execute(f"{managers} LIMIT 1", (LOCAL,)).fetchone():
        connection.execute(
            "UPDATE api_keys SET revoked_at = ?"  # noqa: S608
            " WHERE revoked_at IS NULL AND purpose = 'personal'"
            f" AND (person_id = ? OR person_id IN ({managers}))",
            (now, LOCAL, LOCAL),
        )
    # A login name is given back: the new owner may well be called like the earlier one.
    connection.execute(
        "UPDATE people SET disabled_at = ?, login = NULL, password = NULL, version = version + 1"
        " WHERE role = 'manager' AND id != ?",
        (now, LOCAL),
    )
