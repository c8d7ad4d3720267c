# SPDX-License-Identifier: Apache-2.0
import logging
import re
from collections import Counter
from pathlib import Path

import pytest
from msgspec.structs import replace

from atre.allocation import Allocation
from atre.config import default_profiles_dir
from atre.engine.llama.model import LlamaModel
from atre.engine.llama.rehearse import rehearse
from atre.engine.llama.runner import LlamaRunner
from atre.engine.sequence import Chunk, Sequence
from atre.engine.snapshots import Snapshots
from atre.engine_plan import EnginePlan
from atre.hardware.choose import choose
from atre.hardware.detect import detect
from atre.hardware.profiles import load_profiles
from atre.ipc.messages import Sampling
from atre.models.gguf_header import read_header
from atre.plan.expected_allocation import expected_allocation
from atre.plan.fit import fit
from atre.plan.planning import factory_model_path
from atre.plan.rehearsal import Rehearsal

pytestmark = pytest.mark.usefixtures("lavapipe")

MIB = 2**20
ROUNDING = 0.005 * MIB  # the log gives hundredths of a MiB
NUM_TOKENS = 24
PROMPT = "<|im_start|>user\nComment ajouter une imprimante ?<|im_end|>\n<|im_start|>assistant\n"


def plan_for(device: str) -> EnginePlan:
    """What the box would plan if this device had won the race."""
    machine = detect()
    profile = choose(machine, load_profiles(default_profiles_dir())).profile
    header = read_header(factory_model_path())
    return fit(machine, profile, header, device=device, rehearse=Rehearsal(machine))


def greedy(plan: EnginePlan) -> list[int]:
    """What the model writes after PROMPT, the likeliest token each time."""
    model = LlamaModel(
        Path(plan.model_path),
        n_gpu_layers=plan.n_gpu_layers,
        device=plan.device,
        on_progress=lambda _: None,
    )
    runner = LlamaRunner(model, plan, Snapshots(max_bytes=0))
    words = model.tokenize(PROMPT, add_special=True)
    sequence = Sequence(
        id=1,
        tokens=list(words),
        num_prompt=len(words),
        max_tokens=NUM_TOKENS,
        sampling=Sampling(temperature=0.0),
    )
    sequence.admit(0, 0)
    while sequence.num_completion < NUM_TOKENS:
        chunk = Chunk(sequence, min(sequence.num_uncomputed, plan.n_batch))
        (sampled,) = runner.run([chunk])[sequence.id]
        sequence.num_computed += chunk.num_tokens
        sequence.tokens.append(sampled.token)
    runner.close()
    model.close()
    return sequence.tokens[len(words) :]


def test_a_fit_with_every_layer_on_the_device_answers_as_the_processor_does() -> None:
    processor, device = plan_for("CPU"), plan_for("Vulkan0")
    assert processor.n_gpu_layers == 0
    assert device.n_gpu_layers == read_header(factory_model_path()).n_layer + 1
    assert greedy(device) == greedy(processor)


@pytest.mark.parametrize("n_gpu_layers", [1, 4])
def test_with_some_layers_on_the_device_it_answers_the_same(n_gpu_layers: int) -> None:
    # With flash attention on both sides, as the box plans a divided model.
    some = replace(plan_for("Vulkan0"), n_gpu_layers=n_gpu_layers, flash_attention=True)
    assert greedy(some) == greedy(plan_for("CPU"))


@pytest.mark.parametrize("flash_attention", ["auto", "on"])
@pytest.mark.parametrize("n_gpu_layers", [1, 4, 6, 7])
def test_what_was_predicted_of_both_memories_is_what_a_load_takes(
    n_gpu_layers: int, flash_attention: str, caplog: pytest.LogCaptureFixture
) -> None:
    machine, header = detect(), read_header(factory_model_path())
    profile = choose(machine, load_profiles(default_profiles_dir())).profile
    run = replace(profile.run, layers_on_gpu=n_gpu_layers, flash_attention=flash_attention)
    rehearsed: list[Allocation] = []

    def note(plan: EnginePlan) -> Allocation:
        rehearsed.append(rehearse(plan))
        return rehearsed[-1]

    plan = fit(machine, replace(profile, run=run), header, device="Vulkan0", rehearse=note)
    assert plan.n_gpu_layers == n_gpu_layers
    # Left to choose, llama.cpp would do without for a divided model: this device knows it.
    is_divided = n_gpu_layers <= header.n_layer
    assert plan.flash_attention is (True if is_divided or flash_attention == "on" else None)
    real = allocated(plan, caplog)
    cells = real["Vulkan0 KV"] + real["CPU KV"]
    # The cells lie where their layers do; llama.cpp counts the output as one more layer.
    assert real["Vulkan0 KV"] == cells * (n_gpu_layers - 1) // header.n_layer
    said = rehearsed[-1]
    estimated = expected_allocation(header, run, plan.n_ctx, n_gpu_layers)
    for predicted in (said, estimated):
        assert predicted.cache_bytes >= cells - ROUNDING
        assert predicted.device_buffer_bytes >= real["Vulkan0 compute"] - ROUNDING
        host_bytes = real["Vulkan_Host compute"] + real["Vulkan_Host output"]
        assert predicted.host_buffer_bytes >= host_bytes - 2 * ROUNDING
    rest = sum(size for name, size in real.items() if not name.endswith("model"))
    said_bytes = said.cache_bytes + said.device_buffer_bytes + said.host_buffer_bytes
    assert said_bytes <= 1.05 * rest


def allocated(plan: EnginePlan, caplog: pytest.LogCaptureFixture) -> Counter[str]:
    """Bytes of each buffer of a real load, by device and kind."""
    caplog.clear()
    with caplog.at_level(logging.DEBUG, "llama.cpp"):
        assert len(greedy(plan)) == NUM_TOKENS
    found: Counter[str] = Counter()
    for record in caplog.records:
        line = re.search(r"(\S+) +(\w+) buffer size = +([0-9.]+) MiB", record.getMessage())
        if line:
            found[f"{line[1]} {line[2]}"] += round(float(line[3]) * MIB)
    return found
