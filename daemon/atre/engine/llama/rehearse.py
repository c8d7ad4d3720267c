# SPDX-License-Identifier: Apache-2.0
"""The child process in which llama.cpp simulates a load, which its drivers may not survive.

``python -m atre.engine.llama.rehearse PLAN LIMIT_S`` prints an Allocation as JSON.
"""

import logging
import sys
from pathlib import Path

from atre.allocation import Allocation, read_allocation
from atre.engine.llama.ask_plan import answer
from atre.engine.llama.model import LlamaModel
from atre.engine.llama.runner import LlamaRunner
from atre.engine.snapshots import Snapshots
from atre.engine_plan import EnginePlan
from atre.errors import ModelLoadError

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


if __name__ == "__main__":
    answer(rehearse, *sys.argv[1:])
