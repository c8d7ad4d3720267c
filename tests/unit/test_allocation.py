# SPDX-License-Identifier: Apache-2.0
import sys
from pathlib import Path

import msgspec
import pytest
from tests.unit.test_fit import _CPU, TINY, machine

from atre.allocation import Allocation, read_allocation
from atre.hardware.machine import Machine
from atre.plan.fit import fit
from atre.plan.rehearsal import Rehearsal

_MIB = 2**20
# As llama.cpp writes them for a windowed model of which a card holds some layers.
_LINES = [
    "load_tensors:          CPU model buffer size =     0.00 MiB",
    "llama_context:  CUDA_Host  output buffer size =     0.50 MiB",
    "llama_kv_cache_iswa: creating non-SWA KV cache, size = 8192 cells",
    "llama_kv_cache:        CPU KV buffer size =     0.00 MiB",
    "llama_kv_cache: size =   24.00 MiB (  8192 cells,   6 layers, 32/1 seqs)",
    "llama_kv_cache: size =    2.00 MiB (   512 cells,   6 layers, 32/1 seqs)",
    "sched_reserve:        CPU compute buffer size =    14.51 MiB",
    "sched_reserve:      CUDA0 compute buffer size =    80.00 MiB",
    "~llama_context:        CPU compute buffer size is  14.5137 MiB, matches expectation",
]


def test_sums_are_those_of_the_log_rounded_up() -> None:
    found = read_allocation(_LINES)
    assert found is not None
    for size_bytes, mib, num_lines in (
        (found.cache_bytes, 26, 2),
        (found.host_buffer_bytes, 15.01, 2),
        (found.device_buffer_bytes, 80, 1),
    ):
        excess_bytes = size_bytes - mib * _MIB
        assert 0 < excess_bytes <= num_lines * (0.005 * _MIB + 1)


@pytest.mark.parametrize(
    ("line", "choice"),
    [
        ("resolve_fused_ops: Flash Attention enabled", True),
        ("resolve_fused_ops: Flash Attention not supported, set to disabled", False),
        ("sched_reserve: Flash Attention was auto, set to enabled", True),
        ("but Flash Attention is assigned to device CUDA0 (usually due to missing support)", None),
    ],
)
def test_the_choice_of_flash_attention_is_heard(line: str, *, choice: bool | None) -> None:
    found = read_allocation([*_LINES, line])
    assert found is not None
    assert found.flash_attention is choice


def test_a_recurrent_state_is_no_buffer_to_compute_in() -> None:
    state = "llama_memory_recurrent:      CUDA0 RS buffer size =     3.00 MiB"
    found = read_allocation([*_LINES, state])
    without = read_allocation(_LINES)
    assert found is not None
    assert without is not None
    assert found.cache_bytes - without.cache_bytes >= 3 * _MIB
    assert found.device_buffer_bytes == without.device_buffer_bytes


@pytest.mark.parametrize("missing", ["output", "compute", "llama_kv_cache: size"])
def test_a_log_without_a_kind_of_line_gives_no_figures(missing: str) -> None:
    assert read_allocation([line for line in _LINES if missing not in line]) is None


@pytest.mark.parametrize(
    "program",
    [
        "raise SystemExit('no device')",
        "import os; os.abort()",
        "import time; time.sleep(60)",
        "print('{}')",
        r"import sys; sys.stdout.buffer.write(b'\xff')",
    ],
)
def test_a_child_that_fails_gives_no_figures(program: str) -> None:
    rehearsal = Rehearsal(
        Machine(os="linux"),
        command=lambda _: (sys.executable, "-S", "-c", program),
        time_limit_s=0.5,
    )
    assert rehearsal(fit(machine(), _CPU, TINY)) is None


def test_a_child_is_given_the_plan(tmp_path: Path) -> None:
    answer = Allocation(cache_bytes=1, host_buffer_bytes=2, device_buffer_bytes=3)
    seen = tmp_path / "plan.json"
    program = (
        f"import shutil, sys; shutil.copy(sys.argv[1], {str(seen)!r}); "
        f"print({msgspec.json.encode(answer).decode()!r})"
    )
    rehearsal = Rehearsal(
        Machine(os="linux"), command=lambda plan: (sys.executable, "-S", "-c", program, str(plan))
    )
    plan = fit(machine(), _CPU, TINY)
    assert rehearsal(plan) == answer
    assert seen.read_bytes() == msgspec.json.encode(plan)
