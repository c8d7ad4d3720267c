# SPDX-License-Identifier: Apache-2.0
import logging
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from atre.errors import ForbiddenError, StorageError
from atre.ipc.energy_messages import RequestEnergy
from atre.ipc.messages import Accepted, Delta, EngineEvent, Finished
from atre_web.accounts import admission, usage
from atre_web.accounts.database import connect
from atre_web.accounts.latency import Measured
from atre_web.accounts.principal import Principal
from atre_web.accounts.running import Place

_log = logging.getLogger(__name__)

_FEWEST_TOKENS = 8  # of fewer a speed says little


AskEnergy = Callable[[Sequence[str]], RequestEnergy]


def nobody_knows(_request_ids: Sequence[str]) -> RequestEnergy:
    """The energy of answers on a box that nobody asks."""
    return RequestEnergy()


class Meter:
    """Counts what one request takes, from its arrival until ``close``, and writes it down once.

    An answer that is cut off costs its prompt and what was sent of it: hanging up saves nothing.
    ``choices`` are the generations that share a prompt, whose tokens count once. ``ask_energy``
    must answer at once and never raise; what it said is ``energy`` once the request has ended.
    """

    def __init__(
        self,
        principal: Principal,
        place: Place,
        database: Path,
        clock: Callable[[], float],
        *,
        choices: int = 1,
        ask_energy: AskEnergy = nobody_knows,
    ) -> None:
        self._principal = principal
        self._place = place
        self._database = database
        self._clock = clock
        self._choices = choices
        self._prompt_tokens: dict[int, int] = {}
        self._completion_tokens: dict[int, int] = {}
        self._measures: list[Measured] = []
        self._ask_energy = ask_energy
        self._request_ids: dict[int, str] = {}
        self.energy = RequestEnergy()
        self._is_open = True

    def count(self, index: int, event: EngineEvent) -> None:
        """Take note of an event of the generation ``index``."""
        match event:
            case Accepted():
                self._prompt_tokens[index] = event.prompt_tokens
                self._request_ids[index] = event.request_id
            case Delta():
                self._completion_tokens[index] = self._completion_tokens.get(index, 0) + 1
            case Finished():
                self._prompt_tokens[index] = event.prompt_tokens
                self._completion_tokens[index] = event.completion_tokens
                self._measures += measured(event)
            case _:
                pass

    def count_prompt(self, tokens: int) -> None:
        """Take note of a prompt that has no answer in words."""
        self._prompt_tokens[0] = tokens

    def check(self) -> None:
        """Raises ForbiddenError once the person or the key may not ask any more."""
        try:
            with closing(connect(self._database)) as connection:
                is_admitted = admission.is_admitted(connection, self._principal)
        except (StorageError, sqlite3.Error) as error:
            # Whoever was let in stays until somebody can say otherwise.
            _log.warning("atre-web: a running request could not be checked (%s)", error)
            return
        if not is_admitted:
            raise ForbiddenError(
                "The account or the key was closed while this was being answered. Ask whoever "
                "looks after the box."
            )

    def close(self) -> None:
        """The request has ended, however it ended; again changes nothing."""
        if not self._is_open:
            return
        self._is_open = False
        self._place.close()
        if not self._prompt_tokens:
            return  # the engine refused it
        request_ids = [each for each in self._request_ids.values() if each]
        if request_ids:
            self.energy = self._ask_energy(request_ids)
        try:
            # The request's own connection may be closed: a stream ends after its request.
            with closing(connect(self._database)) as connection:
                usage.add(
                    connection,
                    self._principal,
                    prompt_tokens=sum(
                        tokens
                        for index, tokens in self._prompt_tokens.items()
                        if index % self._choices == 0
                    ),
                    completion_tokens=sum(self._completion_tokens.values()),
                    measures=self._measures,
                    energy=self.energy,
                    now=self._clock(),
                )
        except (StorageError, sqlite3.Error) as error:
            # Whoever asked has the answer; only the count is lost.
            _log.warning("atre-web: a request could not be counted (%s)", error)


def measured(event: Finished) -> list[Measured]:
    """What an answer says of the box's speed: the wait, and the writing if there was enough."""
    if event.completion_tokens < 1:
        return []
    found = [Measured("first_token_ms", event.first_token_ms)]
    writing_s = (event.total_ms - event.first_token_ms) / 1000
    if event.completion_tokens >= _FEWEST_TOKENS and writing_s > 0:
        found.append(Measured("tokens_per_s", (event.completion_tokens - 1) / writing_s))
    return found
