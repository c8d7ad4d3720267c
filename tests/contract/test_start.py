# SPDX-License-Identifier: Apache-2.0
"""A start that fails for want of memory, in a child process whose memory is limited."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from atre.engine.llama.model import LlamaModel
from atre.engine.llama.runner import LlamaRunner
from atre.engine.llama.start import load_model, start_runner
from atre.engine.snapshots import Snapshots
from atre.engine_plan import EnginePlan
from atre.errors import ModelLoadError

CELLS = 2**20  # of 512 bytes each in the tiny model: 512 MiB
PLAN = EnginePlan(
    model_path="",
    n_ctx=CELLS,
    max_sequence_tokens=CELLS,
    num_slots=1,
    n_batch=16,
    n_ubatch=16,
    threads=1,
    threads_batch=1,
    cell_bytes=512,
    flash_attention=True,
)
CHILD = """
import resource, sys
from pathlib import Path
from atre.engine.llama.start import start_runner
from atre.engine.snapshots import Snapshots
from tests.contract.test_start import PLAN, load
model = load(Path(sys.argv[1]))
pages = int(Path("/proc/self/statm").read_text().split()[0])
limit = pages * resource.getpagesize() + int(sys.argv[2]) * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
_, plan, issues = start_runner(model, PLAN, Snapshots(max_bytes=0))
print(plan.n_ctx, *(issue.text for issue in issues), flush=True)
"""


def load(path: Path) -> LlamaModel:
    return LlamaModel(path, n_gpu_layers=0, on_progress=lambda _: None)


def start_with(room_mib: int, path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", CHILD, str(path), str(room_mib)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc, and a limit that is kept")
def test_half_of_the_context_starts_where_all_of_it_does_not(
    tiny_model: Callable[..., Path],
) -> None:
    path = tiny_model("llama")
    half = start_with(480, path)
    assert half.stdout.startswith(f"{CELLS // 2} The context has"), half.stderr
    assert re.search(r"allocate", half.stdout), half.stdout
    assert start_with(4096, path).stdout.strip() == str(CELLS)
    assert "ModelLoadError" in start_with(100, path).stderr


def test_a_start_is_tried_twice_at_most(tiny_model: Callable[..., Path]) -> None:
    tried: list[EnginePlan] = []

    def refuse(_model: LlamaModel, plan: EnginePlan, _snapshots: Snapshots) -> LlamaRunner:
        tried.append(plan)
        raise ModelLoadError("no memory")

    model = load(tiny_model("llama"))
    with pytest.raises(ModelLoadError):
        start_runner(model, PLAN, Snapshots(max_bytes=0), refuse)
    assert [plan.n_ctx for plan in tried] == [CELLS, CELLS // 2]
    tried.clear()
    smallest = replace(PLAN, n_ctx=256, max_sequence_tokens=256)
    with pytest.raises(ModelLoadError):
        start_runner(model, smallest, Snapshots(max_bytes=0), refuse)
    assert tried == [smallest]
    model.close()


def test_weights_that_a_gpu_cannot_hold_are_tried_once_with_half_of_the_layers(
    tiny_model: Callable[..., Path],
) -> None:
    path, tried = tiny_model("llama"), list[int]()

    def load_small(plan: EnginePlan, reason: str = "unable to allocate CUDA0 buffer") -> LlamaModel:
        tried.append(plan.n_gpu_layers)
        if plan.n_gpu_layers > 4:
            raise ModelLoadError(reason)
        return load(path)

    model, plan, issues = load_model(replace(PLAN, n_gpu_layers=8), load_small)
    model.close()
    assert (tried, plan.n_gpu_layers) == ([8, 4], 4)
    assert "4 layers are on the GPU instead of 8" in issues[0].text
    with pytest.raises(ModelLoadError):
        load_model(replace(PLAN, n_gpu_layers=99), load_small)
    tried.clear()
    with pytest.raises(ModelLoadError):
        load_model(replace(PLAN, n_gpu_layers=8), lambda plan: load_small(plan, "unknown tensor"))
    assert tried == [8]
