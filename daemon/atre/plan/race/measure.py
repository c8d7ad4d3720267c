# SPDX-License-Identifier: Apache-2.0
"""The child process that runs a model on one device and times it, which it may not survive.

``python -m atre.plan.race.measure PLAN LIMIT_S`` prints a Speed as JSON.
"""

import sys
import time
from pathlib import Path

import msgspec

from atre.engine.llama.ask_plan import answer
from atre.engine.llama.model import LlamaModel
from atre.engine.llama.runner import LlamaRunner
from atre.engine.llama.warm_up import warm_up
from atre.engine.sequence import Chunk, Sequence
from atre.engine.snapshots import Snapshots
from atre.engine_plan import EnginePlan
from atre.ipc.messages import Sampling
from atre.plan.race.load import between, moment
from atre.plan.race.verdict import Speed
from atre.power.powercap import joules_between, read_counters

# Short, then longer: a device that reads 500 tokens a second needs many to be measured, one that
# reads five would take minutes for them.
_PROMPT_CHUNKS = (16, 64, 256)
_PREFILL_S, _DECODE_S = 2.0, 2.0
_MIN_DECODED, _MAX_DECODED = 4, 256
_TEXT = "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 "
_SLOT, _SEQUENCE_ID = 0, 1


def measure(plan: EnginePlan) -> Speed:
    """Read a prompt and write an answer as the engine would, alone on the machine.

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
    sequence = Sequence(
        id=_SEQUENCE_ID,
        tokens=[],
        num_prompt=0,
        max_tokens=_MAX_DECODED,
        sampling=Sampling(temperature=0.0),
    )
    sequence.admit(_SLOT, 0)
    before = moment()
    # Half of the window is left to the answer, whatever the model's window is.
    chunks = _chunks(plan.n_batch, plan.max_sequence_tokens // 2)
    words = model.tokenize(_TEXT * chunks[-1], add_special=False)
    prefill_tokens_s, token = _prefill(runner, sequence, [words[:size] for size in chunks])
    room = plan.max_sequence_tokens - sequence.num_computed
    speed = _decode(runner, sequence, token, min(room, _MAX_DECODED), prefill_tokens_s)
    load = between(before, moment(), threads=0 if plan.n_gpu_layers else plan.threads)
    return msgspec.structs.replace(speed, is_disturbed=load.is_disturbed)


def _chunks(n_batch: int, room: int) -> list[int]:
    """Sizes of the pieces of the prompt that fit in a batch and, together, in ``room`` tokens."""
    sizes: list[int] = []
    for size in _PROMPT_CHUNKS:
        size_here = min(size, n_batch)
        if sum(sizes) + size_here <= room:
            sizes.append(size_here)
    return sizes or [1]


def _prefill(runner: LlamaRunner, sequence: Sequence, chunks: list[list[int]]) -> tuple[float, int]:
    """Tokens a second of the longest chunk that takes about two seconds, and the token after it."""
    rate, token = 0.0, 0
    for chunk in chunks:
        if rate and len(chunk) / rate > _PREFILL_S:
            break
        started = time.perf_counter()
        token = step(runner, sequence, chunk)
        rate = len(chunk) / (time.perf_counter() - started)
    return rate, token


def _decode(
    runner: LlamaRunner, sequence: Sequence, token: int, most: int, prefill_tokens_s: float
) -> Speed:
    before, started = read_counters(), time.perf_counter()
    num_decoded, elapsed_s = 0, 0.0
    while num_decoded < most and (num_decoded < _MIN_DECODED or elapsed_s < _DECODE_S):
        token = step(runner, sequence, [token])
        num_decoded += 1
        elapsed_s = time.perf_counter() - started
    joules = joules_between(before, read_counters())
    return Speed(
        prefill_tokens_s=prefill_tokens_s,
        decode_tokens_s=num_decoded / elapsed_s,
        joules_per_token=None if joules is None else joules / num_decoded,
    )


def step(runner: LlamaRunner, sequence: Sequence, tokens: list[int]) -> int:
    """Compute ``tokens`` after what is there; return the model's next one."""
    sequence.tokens += tokens
    (sampled,) = runner.run([Chunk(sequence, len(tokens))])[sequence.id]
    sequence.num_computed += len(tokens)
    return sampled.token


if __name__ == "__main__":
    answer(measure, *sys.argv[1:])
