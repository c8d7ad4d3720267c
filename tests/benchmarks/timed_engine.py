# SPDX-License-Identifier: Apache-2.0
"""The engine's own process, with a stopwatch around each step and around llama.cpp in it.

Run as ``python -m tests.benchmarks.timed_engine OUTPUT.json --config … --plan …``: all that
follows OUTPUT.json is for the engine. OUTPUT.json is written when the engine ends.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from llama_cpp import llama_cpp as lib

from atre.engine import process
from atre.engine.engine import Engine

# What a step spends in llama.cpp: computing, and choosing tokens.
_INSIDE = ("llama_decode", "llama_sampler_sample")


class Step(msgspec.Struct, frozen=True):
    """One step in which everybody was decoding, and nobody joined or left."""

    num_streams: int
    total_s: float
    inside_s: float


class _Stopwatch:
    def __init__(self) -> None:
        self.inside_s = 0.0
        self.steps: list[Step] = []

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any) -> Any:
            started_s = time.perf_counter()
            try:
                return function(*arguments)
            finally:
                self.inside_s += time.perf_counter() - started_s

        return timed


_stopwatch = _Stopwatch()


class _TimedEngine(Engine):
    def step(self) -> None:
        before = list(self._scheduler.running)
        pure = bool(before) and all(sequence.is_decoding for sequence in before)
        inside_s, started_s = _stopwatch.inside_s, time.perf_counter()
        super().step()
        total_s = time.perf_counter() - started_s
        if pure and self._scheduler.running == before:
            step = Step(len(before), total_s, _stopwatch.inside_s - inside_s)
            _stopwatch.steps.append(step)


def main() -> None:
    """Run the engine with the stopwatch and write down its steps."""
    output, *arguments = sys.argv[1:]
    for name in _INSIDE:
        setattr(lib, name, _stopwatch.around(getattr(lib, name)))
    vars(process)["Engine"] = _TimedEngine
    process.main(arguments, standalone_mode=False)
    Path(output).write_bytes(msgspec.json.encode(_stopwatch.steps))


if __name__ == "__main__":
    main()
