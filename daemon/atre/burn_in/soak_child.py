# SPDX-License-Identifier: Apache-2.0
"""The child process that has the model write without a pause, which it may not survive.

``python -m atre.burn_in.soak_child PLAN`` prints an ``Answer`` a line, until its input closes.
"""

import os
import sys
import threading
import time
from pathlib import Path

import msgspec

from atre.engine.kv_cache import Release
from atre.engine.llama.model import LlamaModel
from atre.engine.llama.runner import LlamaRunner
from atre.engine.llama.warm_up import warm_up
from atre.engine.sequence import Sequence
from atre.engine.snapshots import Snapshots
from atre.engine_plan import EnginePlan
from atre.errors import AtreError
from atre.ipc.messages import Sampling
from atre.plan.race.measure import step

_ANSWER_TOKENS = 64
_PROMPT_TOKENS = 64
_TEXT = "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 "
_SLOT = 0


class Answer(msgspec.Struct, frozen=True):
    """So many tokens took so many seconds; every answer is of the same length and depth."""

    tokens: int
    seconds: float


def soak(plan: EnginePlan) -> None:
    """Write answers for ever, as the engine would, alone on the machine.

    Raises ModelLoadError or DecodeError if the model cannot be run like that.
    """
    model = LlamaModel(
        Path(plan.model_path),
        n_gpu_layers=plan.n_gpu_layers,
        device=plan.device,
        on_progress=lambda _fraction: None,
    )
    runner = LlamaRunner(model, plan, Snapshots(max_bytes=0))
    warm_up(runner, model, None, [])
    half = plan.max_sequence_tokens // 2
    words = model.tokenize(_TEXT * _PROMPT_TOKENS, add_special=False)
    prompt = words[: min(_PROMPT_TOKENS, plan.n_batch, half)]
    number = 0
    while True:
        number += 1
        print(msgspec.json.encode(_write(runner, number, prompt, half)).decode(), flush=True)  # noqa: T201


def _write(runner: LlamaRunner, number: int, prompt: list[int], room: int) -> Answer:
    sequence = Sequence(
        id=number,
        tokens=[],
        num_prompt=0,
        max_tokens=_ANSWER_TOKENS,
        sampling=Sampling(temperature=0.0),
    )
    sequence.admit(_SLOT, 0)
    token = step(runner, sequence, prompt)
    count, started_s = min(_ANSWER_TOKENS, room), time.perf_counter()
    for _ in range(count):
        token = step(runner, sequence, [token])
    seconds = time.perf_counter() - started_s
    runner.forget(sequence)
    runner.apply(Release(_SLOT))
    return Answer(count, seconds)


def _end_with_input() -> None:
    # Not through sys.stdin, whose lock the interpreter wants when it ends by itself.
    while os.read(0, 1):
        pass
    os._exit(0)  # a driver may be in the middle of a step, and nothing is to be put away


def main() -> None:
    """Run the plan in the file that is named."""
    # Where gdb is installed an abort in ggml would start it, which takes seconds.
    os.environ["GGML_NO_BACKTRACE"] = "1"
    threading.Thread(target=_end_with_input, daemon=True).start()
    plan = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=EnginePlan)
    try:
        soak(plan)
    except AtreError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
