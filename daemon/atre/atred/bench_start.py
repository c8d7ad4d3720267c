# SPDX-License-Identifier: Apache-2.0
"""A burn-in that waited for the unit's model: the box starts anew for it once that answers."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import cast

from atre.atred.preload import Models
from atre.errors import AtreError
from atre.ipc.model_messages import ListModels, ModelListing, Phase
from atre.provision import bench, record

_SETTLED = {Phase.DONE, Phase.FAILED}


class BenchStart:
    """``look`` does what is due now; called every minute or so, after the preload's."""

    def __init__(self, data_dir: Path, models: Models, restart: Callable[[], None]) -> None:
        self._data_dir, self._models, self._restart = data_dir, models, restart

    def look(self) -> None:
        if bench.is_due(self._data_dir):
            # The box not being there, or its models, is no reason to end: there is another minute.
            with contextlib.suppress(AtreError):
                listing = cast("ModelListing", self._models.answer(ListModels()))
                if self._is_settled(listing):
                    self._restart()

    def _is_settled(self, listing: ModelListing) -> bool:
        """Not in the middle of a change, which may not have begun yet."""
        change = listing.change
        if change is not None and change.phase not in _SETTLED:
            return False
        wanted = record.ordered_model(self._data_dir / "state")
        has_failed = change is not None and change.phase is Phase.FAILED
        return wanted is None or listing.chosen == wanted or has_failed
