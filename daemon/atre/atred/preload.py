# SPDX-License-Identifier: Apache-2.0
"""The model that was provisioned: fetched when there is a line, used once when it is there."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, cast

from atre.errors import AtreError
from atre.ipc.message import Message
from atre.ipc.model_messages import (
    ChangeModel,
    JobState,
    ListModels,
    ModelListing,
    ModelRequest,
    PullModel,
)
from atre.models.manifest import FACTORY
from atre.provision import record

_log = logging.getLogger(__name__)

# A box is often provisioned long before it has a line.
_RETRY_S = 15 * 60.0


class Models(Protocol):
    """What answers requests about models."""

    def answer(self, request: ModelRequest) -> Message: ...


class Preload:
    """``look`` does what is due now; called every minute or so, from one thread."""

    def __init__(
        self, state_dir: Path, models: Models, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._state_dir, self._models, self._clock = state_dir, models, clock
        self._tried_s: float | None = None

    def look(self) -> None:
        wanted = record.model_to_come(self._state_dir)
        if wanted is None:
            return
        try:
            self._go_on(wanted)
        except (AtreError, OSError) as error:
            _log.warning("the model %s is not there yet: %s", wanted, error)

    def _go_on(self, wanted: str) -> None:
        listing = cast("ModelListing", self._models.answer(ListModels()))
        is_stored = wanted in {stored.name for stored in listing.stored}
        if listing.is_fixed or listing.chosen not in {FACTORY, wanted}:
            record.model_has_come(self._state_dir)  # somebody chose another one meanwhile
        elif is_stored:
            if listing.chosen != wanted:
                self._models.answer(ChangeModel(model=wanted))
            # Once: from now on it is the managers' choice.
            record.model_has_come(self._state_dir)
        elif (listing.job is None or listing.job.state is not JobState.RUNNING) and self._is_due():
            self._tried_s = self._clock()
            self._models.answer(PullModel(model=wanted))

    def _is_due(self) -> bool:
        return self._tried_s is None or self._clock() - self._tried_s >= _RETRY_S
