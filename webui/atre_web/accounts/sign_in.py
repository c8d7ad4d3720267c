# SPDX-License-Identifier: Apache-2.0
"""Opening a panel session: with a password, a recovery code or a link."""

import sqlite3
from dataclasses import dataclass

from atre_web.accounts import invitations, passwords, people, recovery, sessions, throttle
from atre_web.accounts.database import transaction
from atre_web.accounts.people import Person
from atre_web.accounts.problem import AccountError
from atre_web.accounts.throttle import BY_LOGIN
from atre_web.accounts.written import folded


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose browser asks: its address, what it calls itself, and when."""

    address: str
    device: str
    now: float


@dataclass(frozen=True, slots=True)
class Opened:
    """A new session of this person; ``token`` goes into the browser's cookie."""

    token: str
    person: Person


@dataclass(frozen=True, slots=True)
class Refused:
    """Wrong name, password or code, or too many of them: then ``wait_s`` says when to return."""

    wait_s: int | None


def with_password(
    connection: sqlite3.Connection, login: str, password: str, caller: Caller
) -> Opened | Refused:
    """Sign in. What is refused does not say whether the name or the password was wrong."""
    with passwords.turn():
        wait_s = _wait_s(connection, login, caller)
        if wait_s is not None:
            return Refused(wait_s)
        person = people.by_login(connection, login)
        stored = people.password_of(connection, person.id) if person else None
        is_right = passwords.is_password(password, stored)
        if person is None or not is_right or person.disabled_at is not None:
            return _refused(connection, login, caller)
        _forget(connection, login, caller)
    return _opened(connection, person, caller)


def with_recovery_code(
    connection: sqlite3.Connection, login: str, code: str, password: str, caller: Caller
) -> Opened | Refused:
    """Set a new password with a recovery code, which is used up, and sign in.

    Raises AccountError for a password of bad length, before the code is looked at.
    """
    checked = passwords.checked(password)
    with passwords.turn():
        wait_s = _wait_s(connection, login, caller)
        if wait_s is not None:
            return Refused(wait_s)
        person = people.by_login(connection, login)
        with transaction(connection):
            is_open = person is not None and person.disabled_at is None
            is_right = is_open and recovery.use_up(connection, person.id, code) if person else False
            if person and is_right:
                people.set_password(connection, person.id, checked)
        if person is None or not is_right:
            return _refused(connection, login, caller)
        _forget(connection, login, caller)
    return _opened(connection, person, caller)


def with_invitation(
    connection: sqlite3.Connection,
    token: str,
    *,
    name: str,
    login: str,
    password: str,
    caller: Caller,
) -> Opened:
    """Join the office with an invitation. Raises AccountError, which leaves the link good."""
    invitations.find(connection, token, now=caller.now)
    people.checked_name(name)
    people.checked_login(login)
    checked = passwords.checked(password)
    with passwords.turn():
        stored = passwords.hashed(checked)
    person = invitations.accept(
        connection,
        token,
        name=name,
        login=login,
        password=stored,
        now=caller.now,
    )
    return _opened(connection, person, caller)


def with_reset_link(
    connection: sqlite3.Connection, token: str, password: str, caller: Caller
) -> Opened:
    """Set a new password with a link from a manager, and sign in. Raises AccountError."""
    checked = passwords.checked(password)
    with passwords.turn(), transaction(connection):
        invitation = invitations.find(connection, token, now=caller.now)
        if invitation.resets is None:
            raise AccountError("link", "This link is an invitation, not one for a new password.")
        person = people.get(connection, invitation.resets)
        if person.disabled_at is not None:
            raise AccountError("gone", "This account is closed. Ask whoever looks after the box.")
        people.set_password(connection, person.id, checked)
        invitations.revoke(connection, invitation.id)
    return _opened(connection, person, caller)


def _opened(connection: sqlite3.Connection, person: Person, caller: Caller) -> Opened:
    token = sessions.create(connection, person.id, device=caller.device, now=caller.now)
    return Opened(token, person)


def _wait_s(connection: sqlite3.Connection, login: str, caller: Caller) -> int | None:
    by_address = throttle.wait_s(connection, caller.address, now=caller.now)
    by_login = throttle.wait_s(connection, folded(login), now=caller.now, limit=BY_LOGIN)
    return max((wait for wait in (by_address, by_login) if wait is not None), default=None)


def _refused(connection: sqlite3.Connection, login: str, caller: Caller) -> Refused:
    throttle.record_failure(connection, caller.address, now=caller.now)
    throttle.record_failure(connection, folded(login), now=caller.now, limit=BY_LOGIN)
    return Refused(_wait_s(connection, login, caller))


def _forget(connection: sqlite3.Connection, login: str, caller: Caller) -> None:
    throttle.forget(connection, caller.address)
    throttle.forget(connection, folded(login), limit=BY_LOGIN)
