# SPDX-License-Identifier: Apache-2.0
"""A running box's answer to ``atre model use``: one change at a time, the last wish wins."""

import contextlib
import logging
import time
from collections.abc import Callable

from atre.config import Config
from atre.errors import ModelStoreError
from atre.ipc.model_messages import Phase
from atre.models.change import ChangeStatus, ModelChange, Seat
from atre.models.change_request import RequestSocket, UseModel, forget_status, write_status
from atre.models.manifest import FACTORY
from atre.plan.planning import model_store
from atre.sentence import Sentence

_log = logging.getLogger(__name__)

_COMMAND_LINE = Sentence(
    "The box was started with --model, which has the last word. Start it without, and "
    "`atre model use` decides.",
    "Le boîtier a été démarré avec --model, qui a le dernier mot. Démarrez-le sans cette option, "
    "et `atre model use` décidera.",
)


class ModelUse:
    """Takes requests, carries changes through, and remembers the model that works as chosen."""

    def __init__(
        self, config: Config, seat: Seat, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._config = config
        self._seat = seat
        self._clock = clock
        self._store = model_store(config.data_dir)
        self._running = self._store.chosen() or FACTORY
        forget_status(config.runtime_dir)
        self._requests = RequestSocket(config.runtime_dir)
        self._change: ModelChange | None = None
        self._next: UseModel | None = None

    def fileno(self) -> int:
        return self._requests.fileno()

    def close(self) -> None:
        self._requests.close()

    def take_request(self) -> None:
        """Note what was asked; ``tick`` begins with it."""
        self._next = self._requests.next_request() or self._next

    @property
    def is_busy(self) -> bool:
        """Whether another model is being loaded, or will be."""
        return self._change is not None or self._next is not None

    def give_up_chosen(self) -> None:
        """The engine ends again and again: if its model was chosen, go back to the factory's."""
        if self.is_busy or self._config.model is not None or self._running == FACTORY:
            return
        _log.error("%s ends the engine each time it is loaded.", self._running)
        self._next = UseModel(id="", name=FACTORY)

    def tick(self) -> float | None:
        """Go on with the change, or begin the next; see ``Supervisor.run``."""
        if self._change is None and self._next is not None:
            request, self._next = self._next, None
            self._begin(request)
        if self._change is None:
            return None
        wait_s = self._change.tick(self._clock())
        if self._change.has_ended:
            self._end(self._change)
            return 0.0 if self._next else None
        return wait_s

    def _begin(self, request: UseModel) -> None:
        refusal = self._refusal(request.name)
        if refusal:
            self._note(
                ChangeStatus(
                    request_id=request.id,
                    wanted=request.name,
                    phase=Phase.FAILED,
                    reason=refusal,
                    loaded=self._running,
                )
            )
            return
        before = [name for name in (self._running, FACTORY) if name != request.name]
        self._change = ModelChange(
            self._seat,
            request_id=request.id,
            wanted=request.name,
            fallbacks=tuple(dict.fromkeys(before)),
            note=self._note,
            now_s=self._clock(),
        )

    def _refusal(self, name: str) -> Sentence | None:
        """Why nothing need be touched for this request, or None."""
        if self._config.model is not None:
            return _COMMAND_LINE
        try:
            if name != FACTORY:
                self._store.check_can_answer(name)
        except ModelStoreError as error:
            return error.sentence
        return None

    def _end(self, change: ModelChange) -> None:
        self._change = None
        self._running = change.loaded
        if change.phase is Phase.FAILED:
            _log.error("%s does not work; %s answers.", change.wanted, change.loaded)
        with contextlib.suppress(ModelStoreError, OSError):
            self._store.choose(change.loaded)

    def _note(self, status: ChangeStatus) -> None:
        # A full disk must not stop a change half way.
        with contextlib.suppress(OSError):
            write_status(self._config.runtime_dir, status)
