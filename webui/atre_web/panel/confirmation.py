# SPDX-License-Identifier: Apache-2.0
from atre_web.accounts import current, passwords, people, throttle


def wait_for(password: str) -> int | None:
    """Whether it is still its person at the keyboard: None after the right password.

    Else how many seconds to wait before another try, perhaps 0. Wrong ones count per person.
    """
    connection, now = current.connection(), current.now()
    me = current.principal().person_id
    with passwords.turn():
        wait_s = throttle.wait_s(connection, me, now=now, limit=throttle.BY_LOGIN)
        if wait_s is not None:
            return wait_s
        if passwords.is_password(password, people.password_of(connection, me)):
            throttle.forget(connection, me, limit=throttle.BY_LOGIN)
            return None
        throttle.record_failure(connection, me, now=now, limit=throttle.BY_LOGIN)
        return throttle.wait_s(connection, me, now=now, limit=throttle.BY_LOGIN) or 0
