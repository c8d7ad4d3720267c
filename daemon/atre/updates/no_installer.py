# SPDX-License-Identifier: Apache-2.0
from pathlib import Path
from typing import NoReturn

from atre.system.slot import Slot
from atre.updates import failure
from atre.updates.installer import BundleFacts, OnProgress, SystemFacts


class NoInstaller:
    """An ``Installer`` where there are no slots."""

    compatible = ""

    def facts(self) -> SystemFacts:
        _refuse()

    def inspect(self, bundle: Path) -> BundleFacts:  # noqa: ARG002 -- nothing is looked at
        _refuse()

    def install(self, bundle: Path, on_progress: OnProgress) -> None:  # noqa: ARG002
        _refuse()

    def start_next(self, slot: Slot) -> None:  # noqa: ARG002
        _refuse()

    def keep_running(self) -> None:
        _refuse()

    def give_up(self, slot: Slot) -> None:  # noqa: ARG002
        _refuse()

    def close(self) -> None:
        """Nothing was opened."""


def _refuse() -> NoReturn:
    raise failure.absent()
