# SPDX-License-Identifier: Apache-2.0
"""What the child processes that try a plan share: how they start, answer and fail."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from atre.engine_plan import EnginePlan
from atre.errors import AtreError


def answer(ask: Callable[[EnginePlan], msgspec.Struct], plan_path: str, limit_s: str) -> None:
    """Print as JSON what ``ask`` finds, or exit with the reason as the last line of stderr."""
    # Should the parent die, a driver that hangs would hold this process for ever.
    signal.alarm(max(1, round(float(limit_s))))
    # Where gdb is installed an abort in ggml would start it, which takes seconds.
    os.environ["GGML_NO_BACKTRACE"] = "1"
    plan = msgspec.json.decode(Path(plan_path).read_bytes(), type=EnginePlan)
    try:
        found = ask(plan)
    except AtreError as error:
        sys.exit(str(error))
    sys.stdout.buffer.write(msgspec.json.encode(found))
