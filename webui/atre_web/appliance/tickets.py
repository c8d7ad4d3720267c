# SPDX-License-Identifier: Apache-2.0
import threading
from dataclasses import dataclass

from atre.ipc.appliance_messages import PresenceMeans
from atre_web.accounts.tokens import digest, new_token

TICKETS = "atre.tickets"
LASTS_S = 600.0


@dataclass(frozen=True, slots=True)
class _Ticket:
    means: PresenceMeans
    ends_s: float


class Tickets:
    """What a spent word is exchanged for: one password, within ten minutes. Safe between threads.

    In memory alone: a panel that starts anew forgets them, and another word is needed.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[bytes, _Ticket] = {}

    def make(self, means: PresenceMeans, *, uptime: float) -> str:
        """A new one; earlier ones are worthless."""
        token = new_token()
        with self._lock:
            self._known = {digest(token): _Ticket(means, uptime + LASTS_S)}
        return token

    def look(self, token: str, *, uptime: float) -> PresenceMeans | None:
        """How its word was given out, None for one that is not good any more."""
        with self._lock:
            found = self._known.get(digest(token))
        return found.means if found and uptime < found.ends_s else None

    def use(self, token: str, *, uptime: float) -> PresenceMeans | None:
        """The same, and the ticket is gone: of two who come at once one gets it."""
        with self._lock:
            found = self._known.pop(digest(token), None)
        return found.means if found and uptime < found.ends_s else None
