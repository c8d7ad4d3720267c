# SPDX-License-Identifier: Apache-2.0
"""What was predicted of memory, held against what llama.cpp says that it allocated."""

import logging
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from atre.engine.llama.model import LlamaModel
from atre.engine.llama.rehearse import rehearse
from atre.engine.llama.runner import LlamaRunner
from atre.engine.snapshots import Snapshots
from atre.engine_plan import EnginePlan
from atre.hardware.machine import Machine
from atre.models.footprint import buffer_bytes, cache_bytes
from atre.models.gguf_header import read_header
from atre.plan.planning import factory_model_path
from atre.plan.rehearsal import Rehearsal

Make = Callable[..., Path]
MIB = 2**20
ROUNDING = 0.005 * MIB  # the log gives hundredths of a MiB
KINDS = ("factory", "llama", "gemma2", "mamba", "lfm2")


def plan_of(path: Path, *, flash_attention: bool = True) -> EnginePlan:
    return EnginePlan(
        model_path=str(path),
        n_ctx=8192,
        max_sequence_tokens=512,
        num_slots=8,
        n_batch=512,
        n_ubatch=256,
        threads=1,
        threads_batch=1,
        cell_bytes=1,
        flash_attention=flash_attention,
    )


def allocated(plan: EnginePlan, caplog: pytest.LogCaptureFixture) -> Counter[str]:
    """Bytes of each kind of buffer (model, KV, RS, output, compute) of a real load."""
    with caplog.at_level(logging.DEBUG, "llama.cpp"):
        model = LlamaModel(Path(plan.model_path), n_gpu_layers=0, on_progress=lambda _: None)
        runner = LlamaRunner(model, plan, Snapshots(max_bytes=0))
        runner.close()
        model.close()
    found: Counter[str] = Counter()
    for record in caplog.records:
        line = re.search(r"(\w+) buffer size = +([0-9.]+) MiB", record.getMessage())
        if line:
            found[line[1]] += round(float(line[2]) * MIB)
    caplog.clear()
    return found


@pytest.fixture(params=KINDS)
def path(request: pytest.FixtureRequest, tiny_model: Make) -> Path:
    kind: str = request.param
    return factory_model_path() if kind == "factory" else tiny_model(kind)


@pytest.mark.parametrize("flash_attention", [True, False])
def test_the_cache_is_as_large_as_the_header_says(
    path: Path, caplog: pytest.LogCaptureFixture, *, flash_attention: bool
) -> None:
    plan = plan_of(path, flash_attention=flash_attention)
    real = allocated(plan, caplog)
    predicted = cache_bytes(
        read_header(path),
        "f16",
        n_ctx=plan.n_ctx,
        n_ubatch=plan.n_ubatch,
        num_slots=plan.num_slots,
        flash_attention=flash_attention,
    )
    assert real["KV"] + real["RS"] == pytest.approx(predicted, abs=3 * ROUNDING)


@pytest.mark.parametrize("flash_attention", [True, False])
def test_a_rehearsal_says_what_a_load_then_takes(
    path: Path, caplog: pytest.LogCaptureFixture, *, flash_attention: bool
) -> None:
    plan = plan_of(path, flash_attention=flash_attention)
    said = rehearse(plan)
    caplog.clear()
    real = allocated(plan, caplog)
    cache_bytes, buffers = real["KV"] + real["RS"], real["output"] + real["compute"]
    weights_bytes = read_header(path).weights_bytes
    assert said.device_buffer_bytes == 0
    assert said.cache_bytes >= cache_bytes
    assert said.host_buffer_bytes >= buffers
    total_bytes = weights_bytes + said.cache_bytes + said.host_buffer_bytes
    # The log's own rounding aside, of the real load this time.
    assert total_bytes >= sum(real.values()) - ROUNDING
    assert total_bytes <= 1.05 * sum(real.values())


@pytest.mark.parametrize("flash_attention", [True, False])
def test_the_estimate_of_the_header_alone_is_never_below(
    path: Path, caplog: pytest.LogCaptureFixture, *, flash_attention: bool
) -> None:
    plan, header = plan_of(path, flash_attention=flash_attention), read_header(path)
    real = allocated(plan, caplog)
    estimate = buffer_bytes(
        header,
        n_ctx=plan.n_ctx,
        n_ubatch=plan.n_ubatch,
        num_slots=plan.num_slots,
        flash_attention=flash_attention,
    )
    assert real["output"] + real["compute"] <= estimate


def test_the_child_process_says_the_same() -> None:
    plan = plan_of(factory_model_path())
    assert Rehearsal(Machine(os="linux"))(plan) == rehearse(plan)
