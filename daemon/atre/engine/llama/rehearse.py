# SPDX-License-Identifier: Apache-2.0
"""The child process in which llama.cpp simulates a load, which its drivers may not survive.

``python -m atre.engine.llama.rehearse PLAN LIMIT_S`` prints an Allocation as JSON.
"""

import logging
import os
import signal
import sys
from pathlib import Path

import msgspec

from atre.allocation import Allocation, read_allocation
from atre.engine.llama.model import LlamaModel
from atre.engine.llama.runner import LlamaRunner
from atre.engine.snapshots import Snapshots
from atre.engine_plan import EnginePlan
from atre.errors import AtreError, ModelLoadError

_LLAMA_LOG = "llama.cpp"


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def rehearse(plan: EnginePlan) -> Allocation:
    """What a load by ``plan`` would allocate beside the weights; reads no weights.

    Raises ModelLoadError if the model does not load like that, or llama.cpp does not say it all.
    """
    log, heard = logging.getLogger(_LLAMA_LOG), _Lines()
    level = log.level
    log.addHandler(heard)
    log.setLevel(logging.DEBUG)
    try:
        model = LlamaModel(
            Path(plan.model_path),
            n_gpu_layers=plan.n_gpu_layers,
            device=plan.device,
            on_progress=lambda _fraction: None,
            is_rehearsal=True,
        )
        LlamaRunner(model, plan, Snapshots(max_bytes=0)).close()
        model.close()
    finally:
        log.removeHandler(heard)
        log.setLevel(level)
    allocation = read_allocation(heard.lines)
    if allocation is None:
        raise ModelLoadError("llama.cpp's log lacks the size of a buffer.")
    return allocation


def main(plan_path: str, limit_s: str) -> None:
    """Print the allocation, or exit with the reason as the last line of stderr."""
    # Should the parent die, a driver that hangs would hold this process for ever.
    signal.alarm(max(1, round(float(limit_s))))
    # Where gdb is installed an abort in ggml would start it, which takes seconds.
    os.environ["GGML_NO_BACKTRACE"] = "1"
    plan = msgspec.json.decode(Path(plan_path).read_bytes(), type=EnginePlan)
    try:
        allocation = rehearse(plan)
    except AtreError as error:
        sys.exit(str(error))
    sys.stdout.buffer.write(msgspec.json.encode(allocation))


if __name__ == "__main__":
    main(*sys.argv[1:])
