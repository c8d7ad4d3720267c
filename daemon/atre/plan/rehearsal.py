# SPDX-License-Identifier: Apache-2.0
import logging
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec

from atre.allocation import Allocation
from atre.backend_libraries import hiding
from atre.engine_plan import EnginePlan
from atre.hardware.ask import ask
from atre.hardware.machine import Issue, Machine

_log = logging.getLogger(__name__)

_TIME_LIMIT_S = 20.0  # a GPU's driver takes seconds to start; reading a vocabulary, one
_GRACE_S = 5.0  # before the child ends itself, should nobody be there to end it

Command = Callable[[Path], tuple[str, ...]]


def rehearse_command(plan: Path) -> tuple[str, ...]:
    """The child that simulates a load."""
    limit_s = f"{_TIME_LIMIT_S + _GRACE_S:g}"
    return (sys.executable, "-P", "-m", "atre.engine.llama.rehearse", str(plan), limit_s)


class Rehearsal:
    """Asks llama.cpp what a load would allocate, in a child process that may crash or hang."""

    def __init__(
        self,
        machine: Machine,
        *,
        command: Command = rehearse_command,
        time_limit_s: float = _TIME_LIMIT_S,
    ) -> None:
        self._machine = machine
        self._command = command
        self._time_limit_s = time_limit_s

    def __call__(self, plan: EnginePlan) -> Allocation | None:
        """The figures for ``plan``; None, and a line in the log, if there are none."""
        with tempfile.NamedTemporaryFile(suffix=".json") as file:
            file.write(msgspec.json.encode(plan))
            file.flush()
            answer = ask(
                self._command(Path(file.name)),
                self._time_limit_s,
                hiding(self._machine.hidden_backends),
            )
        if isinstance(answer, Issue):
            _log.warning("memory is only estimated: %s", answer.detail)
            return None
        try:
            return msgspec.json.decode(answer, type=Allocation)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            _log.warning("memory is only estimated: %s", error)
            return None
