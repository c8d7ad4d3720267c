# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atre.allocation import Allocation
from atre.engine_plan import EnginePlan
from atre.errors import ConfigError, ModelLoadError
from atre.hardware.machine import Cpu, DeviceType, GgmlDevice, Machine, Memory, PciDevice
from atre.hardware.profiles import load_profiles
from atre.hardware.threads import ThreadPolicy, count_threads
from atre.models.cache_layout import CacheLayout, LayerCache
from atre.models.footprint import buffer_bytes, kv_cell_bytes
from atre.models.gguf_header import GgufHeader
from atre.plan.fit import fit

_GIB = 2**30
_PROFILES = {
    profile.name: profile
    for profile in load_profiles(Path(__file__).parents[2] / "hardware-profiles")
}
_CPU = _PROFILES["generic-cpu"]
_NVIDIA = _PROFILES["nvidia"]
_IGPU = _PROFILES["vulkan-igpu"]

TINY = GgufHeader(
    path="tiny.gguf",
    file_bytes=7_000_000,
    version=3,
    architecture="llama",
    kind="model",
    name=None,
    licence=None,
    n_ctx_train=512,
    n_layer=6,
    n_embd=256,
    n_head=(8,) * 6,
    n_head_kv=(4,) * 6,
    cache=CacheLayout(layers=(LayerCache(key_numbers=128, value_numbers=128),) * 6),
    n_vocab=4096,
    parameters=5_770_000,
    weights_bytes=6_300_000,
    block_bytes=5_200_000,
    file_type="Q8_0",
    tokenizer="gpt2",
    has_chat_template=True,
)
# The shape of an 8-billion-parameter model at four bits a weight.
LARGE = msgspec.structs.replace(
    TINY,
    path="large.gguf",
    n_ctx_train=131_072,
    n_layer=32,
    n_embd=4096,
    n_head=(32,) * 32,
    n_head_kv=(8,) * 32,
    cache=CacheLayout(layers=(LayerCache(key_numbers=1024, value_numbers=1024),) * 32),
    n_vocab=128_256,
    parameters=8_030_000_000,
    weights_bytes=4_920_000_000,
    block_bytes=4_100_000_000,
)


def machine(
    available_bytes: int | None = 6 * _GIB,
    *,
    cores: int | None = 2,
    devices: tuple[GgmlDevice, ...] = (),
    limit_bytes: int | None = None,
) -> Machine:
    return Machine(
        os="linux",
        cpu=Cpu(physical_cores=cores, logical_cpus=cores),
        memory=Memory(
            total_bytes=8 * _GIB, available_bytes=available_bytes, limit_bytes=limit_bytes
        ),
        devices=devices,
    )


def gpu(type_: DeviceType, free_bytes: int) -> GgmlDevice:
    return GgmlDevice(
        name="Vulkan0",
        description="a GPU",
        type=type_,
        memory_total_bytes=free_bytes,
        memory_free_bytes=free_bytes,
    )


def test_eight_people_stream_at_once_from_a_tiny_model_on_two_cores() -> None:
    plan = fit(machine(), _CPU, TINY)
    assert plan.num_slots >= 8
    assert plan.max_sequence_tokens == TINY.n_ctx_train
    assert plan.n_ctx >= 8 * TINY.n_ctx_train
    assert plan.threads == 2
    assert plan.n_gpu_layers == 0
    assert plan.issues == []


def test_every_decision_has_a_sentence() -> None:
    for sentence in fit(machine(), _CPU, TINY).reasons:
        assert sentence.endswith(".")


def test_a_large_model_gets_the_window_of_the_profile() -> None:
    plan = fit(machine(12 * _GIB), _CPU, LARGE)
    assert plan.max_sequence_tokens == _CPU.run.sequence_tokens
    assert plan.n_ctx == _CPU.run.context_tokens


def test_context_steps_down_to_what_the_memory_holds_and_says_so() -> None:
    plan = fit(machine(7 * _GIB), _CPU, LARGE)
    assert 2048 <= plan.n_ctx < _CPU.run.context_tokens
    assert plan.max_sequence_tokens <= plan.n_ctx
    assert any("lowered" in issue for issue in plan.issues)
    buffers = buffer_bytes(
        LARGE,
        n_ctx=plan.n_ctx,
        n_ubatch=plan.n_ubatch,
        num_slots=plan.num_slots,
        flash_attention=True,
    )
    needed_bytes = LARGE.weights_bytes + plan.n_ctx * kv_cell_bytes(LARGE, "f16") + buffers
    assert needed_bytes <= 7 * _GIB - _CPU.run.reserve_bytes


def test_a_container_limit_counts_like_missing_memory() -> None:
    assert fit(machine(limit_bytes=7 * _GIB), _CPU, TINY).n_ctx == 8192
    with pytest.raises(ModelLoadError, match="smaller model"):
        fit(machine(20 * _GIB, limit_bytes=4 * _GIB), _CPU, LARGE)


def test_a_model_above_the_memory_is_refused_with_both_figures() -> None:
    with pytest.raises(ModelLoadError, match=r"needs 5\.\d GiB .* and 1\.5 GiB can be used"):
        fit(machine(2 * _GIB), _CPU, LARGE)


def test_unknown_memory_is_an_issue_and_no_refusal() -> None:
    plan = fit(machine(None), _CPU, LARGE)
    assert plan.n_ctx == _CPU.run.context_tokens
    assert any("unknown" in issue for issue in plan.issues)


def test_a_card_with_room_takes_every_layer_and_the_output() -> None:
    devices = (gpu(DeviceType.GPU, 24 * _GIB),)
    plan = fit(machine(devices=devices), _NVIDIA, LARGE)
    assert plan.n_gpu_layers == LARGE.n_layer + 1
    assert plan.issues == []


def test_a_small_card_takes_some_layers_after_the_context_went_down() -> None:
    devices = (gpu(DeviceType.GPU, 4 * _GIB),)
    plan = fit(machine(16 * _GIB, devices=devices), _NVIDIA, LARGE)
    assert 0 < plan.n_gpu_layers < LARGE.n_layer
    assert plan.n_ctx == 2048
    assert any("layers fit on the GPU" in issue for issue in plan.issues)


def test_the_embedding_stays_and_the_output_moves_with_the_first_layer() -> None:
    tied = msgspec.structs.replace(LARGE, input_bytes=800_000_000, tied_bytes=800_000_000)
    devices = (gpu(DeviceType.GPU, 24 * _GIB),)
    reasons = fit(machine(devices=devices), _NVIDIA, tied, rehearse=takes(0, 0)).reasons
    main_mib, gpu_gib = 800_000_000 / 2**20, LARGE.weights_bytes / _GIB
    assert any(f"About {main_mib:.0f} MiB of main memory" in reason for reason in reasons)
    assert any(f"with {gpu_gib:.1f} GiB of its memory" in reason for reason in reasons)


def takes(cell_bytes: int, buffer_bytes: int) -> Callable[[EnginePlan], Allocation]:
    """A llama.cpp that says so much for each cell, and for its buffers in main memory."""
    return lambda plan: Allocation(
        cache_bytes=plan.n_ctx * cell_bytes, host_buffer_bytes=buffer_bytes, device_buffer_bytes=0
    )


def test_what_llama_cpp_says_replaces_the_estimate() -> None:
    plan = fit(machine(12 * _GIB), _CPU, LARGE, rehearse=takes(2**17, 2**20))
    needed_gib = (LARGE.weights_bytes + plan.n_ctx * 2**17 + 2**20) / _GIB
    assert any(f"About {needed_gib:.1f} GiB" in reason for reason in plan.reasons)
    assert any("as llama.cpp itself plans it" in reason for reason in plan.reasons)
    assert plan.n_ctx == _CPU.run.context_tokens
    assert plan.issues == []


def test_a_rehearsal_that_fails_leaves_the_estimate_and_says_so() -> None:
    plan = fit(machine(12 * _GIB), _CPU, LARGE, rehearse=lambda _: None)
    assert plan == fit(machine(12 * _GIB), _CPU, LARGE)
    assert any("estimated from the model file" in reason for reason in plan.reasons)


def test_the_context_steps_down_to_what_llama_cpp_says_fits() -> None:
    estimated = fit(machine(12 * _GIB), _CPU, LARGE)
    cell_bytes = 4 * _GIB // (estimated.n_ctx // 4)
    plan = fit(machine(12 * _GIB), _CPU, LARGE, rehearse=takes(cell_bytes, 0))
    assert plan.n_ctx == estimated.n_ctx // 4
    assert any("lowered" in issue for issue in plan.issues)
    with pytest.raises(ModelLoadError, match="smaller model"):
        fit(machine(12 * _GIB), _CPU, LARGE, rehearse=takes(0, 12 * _GIB))


def test_buffers_on_a_card_that_holds_some_layers_are_those_without_flash_attention() -> None:
    # That is what llama.cpp chooses by itself for a divided model: docs/vulkan.md.
    many_heads = msgspec.structs.replace(LARGE, n_head=(256,) * 32)
    divided = machine(16 * _GIB, devices=(gpu(DeviceType.GPU, 4 * _GIB),))
    layers = {}
    for flash_attention in ("auto", "on", "off"):
        run = msgspec.structs.replace(_NVIDIA.run, flash_attention=flash_attention)
        profile = msgspec.structs.replace(_NVIDIA, run=run)
        layers[flash_attention] = fit(divided, profile, many_heads).n_gpu_layers
    assert 0 < layers["auto"] == layers["off"] < layers["on"] <= LARGE.n_layer


@pytest.mark.parametrize(("knows_it", "planned"), [(True, True), (False, None), (None, None)])
def test_a_divided_model_uses_flash_attention_if_the_card_knows_it(
    *, knows_it: bool | None, planned: bool | None
) -> None:
    def rehearse(plan: EnginePlan) -> Allocation | None:
        whole = plan.n_gpu_layers > LARGE.n_layer
        if not whole or knows_it is None:
            return None
        return Allocation(
            cache_bytes=99 * _GIB,
            host_buffer_bytes=0,
            device_buffer_bytes=0,
            flash_attention=knows_it,
        )

    devices = (gpu(DeviceType.GPU, 4 * _GIB),)
    plan = fit(machine(16 * _GIB, devices=devices), _NVIDIA, LARGE, rehearse=rehearse)
    assert 0 < plan.n_gpu_layers <= LARGE.n_layer
    assert plan.flash_attention is planned
    whole = fit(machine(devices=(gpu(DeviceType.GPU, 24 * _GIB),)), _NVIDIA, LARGE)
    assert whole.flash_attention is None


def test_a_model_without_cells_has_a_plan() -> None:
    state = LayerCache(state_numbers=1000)
    recurrent = msgspec.structs.replace(TINY, cache=CacheLayout(layers=(state,) * TINY.n_layer))
    assert fit(machine(), _CPU, recurrent).cell_bytes == 1


def test_a_start_waits_for_few_rehearsals() -> None:
    asked: list[EnginePlan] = []

    def refuse(plan: EnginePlan) -> Allocation:
        asked.append(plan)
        return Allocation(cache_bytes=0, host_buffer_bytes=0, device_buffer_bytes=99 * _GIB)

    devices = (gpu(DeviceType.GPU, 4 * _GIB),)
    plan = fit(machine(16 * _GIB, devices=devices), _NVIDIA, LARGE, rehearse=refuse)
    # One more asks whether the card knows flash attention, with the whole model on it.
    assert [plan.n_gpu_layers > LARGE.n_layer for plan in asked] == [
        True,
        False,
        False,
        False,
        False,
    ]
    assert any("estimated" in reason for reason in plan.reasons)


def test_memory_shared_with_the_gpu_is_counted_once() -> None:
    # Each of the two views has 12 GiB free, but it is the same 12 GiB.
    devices = (gpu(DeviceType.IGPU, 12 * _GIB),)
    plan = fit(machine(12 * _GIB, devices=devices), _IGPU, LARGE)
    weights_and_cells = LARGE.weights_bytes + plan.n_ctx * kv_cell_bytes(LARGE, plan.kv_type)
    assert weights_and_cells <= 12 * _GIB - _IGPU.run.reserve_bytes
    with pytest.raises(ModelLoadError, match="smaller model"):
        fit(machine(4 * _GIB, devices=devices), _IGPU, LARGE)


def test_memory_set_apart_for_the_gpu_adds_to_main_memory() -> None:
    # 128 GB of which the firmware gives 96 to the GPU: main memory shows 4 GiB free.
    device = msgspec.structs.replace(gpu(DeviceType.IGPU, 96 * _GIB), pci_address="0000:c1:00.0")
    apart = PciDevice(
        address="0000:c1:00.0", vendor_id="1002", device_id="1586", memory_bytes=96 * _GIB
    )
    found = msgspec.structs.replace(machine(4 * _GIB, devices=(device,)), gpus=(apart,))
    plan = fit(found, _IGPU, LARGE)
    assert plan.n_gpu_layers == LARGE.n_layer + 1
    assert plan.n_ctx == _IGPU.run.context_tokens


def test_a_card_is_used_before_an_integrated_gpu() -> None:
    devices = (gpu(DeviceType.IGPU, 64 * _GIB), gpu(DeviceType.GPU, 4 * _GIB))
    plan = fit(machine(16 * _GIB, devices=devices), _NVIDIA, LARGE)
    assert plan.n_gpu_layers < LARGE.n_layer


def test_a_profile_for_a_gpu_without_one_says_that_the_processor_is_used() -> None:
    plan = fit(machine(), _NVIDIA, TINY)
    assert plan.n_gpu_layers == 0
    assert any("reports none" in issue for issue in plan.issues)


def test_an_adapter_is_not_a_model() -> None:
    with pytest.raises(ModelLoadError, match="whole model"):
        fit(machine(), _CPU, msgspec.structs.replace(TINY, kind="adapter"))


@pytest.mark.parametrize(
    ("cpu", "policy", "threads"),
    [
        (Cpu(physical_cores=14, logical_cpus=20, performance_cores=6), "performance", 6),
        (Cpu(physical_cores=14, logical_cpus=20, performance_cores=6), "physical", 14),
        (Cpu(physical_cores=4, logical_cpus=8), "performance", 4),
        (Cpu(physical_cores=4, logical_cpus=8), "logical", 8),
        (Cpu(logical_cpus=8), "performance", 8),
        (Cpu(), "performance", 1),
        (Cpu(physical_cores=8, quota_cpus=2.5), "physical", 2),
        (Cpu(physical_cores=8, quota_cpus=0.5), "physical", 1),
        (Cpu(physical_cores=8, allowed_cpus=3), "physical", 3),
        (Cpu(physical_cores=8), 5, 5),
    ],
)
def test_threads_follow_cores_and_never_exceed_a_limit(
    cpu: Cpu, policy: ThreadPolicy, threads: int
) -> None:
    assert count_threads(cpu, policy)[0] == threads


@given(
    profile=st.sampled_from(sorted(_PROFILES)),
    n_ctx_train=st.integers(1, 300_000),
    available_gib=st.integers(0, 40),
    gpu_gib=st.integers(0, 40),
    type_=st.sampled_from([DeviceType.GPU, DeviceType.IGPU]),
)
def test_a_plan_is_consistent_and_fits_or_is_refused(
    profile: str, n_ctx_train: int, available_gib: int, gpu_gib: int, type_: DeviceType
) -> None:
    header = msgspec.structs.replace(LARGE, n_ctx_train=n_ctx_train)
    devices = (gpu(type_, gpu_gib * _GIB),)
    try:
        plan = fit(machine(available_gib * _GIB, devices=devices), _PROFILES[profile], header)
    except ModelLoadError:
        return
    assert plan.max_sequence_tokens <= min(n_ctx_train, plan.n_ctx)
    assert plan.n_ctx % 256 == 0
    total_bytes = header.weights_bytes + plan.n_ctx * kv_cell_bytes(header, plan.kv_type)
    assert total_bytes <= (available_gib + gpu_gib) * _GIB


def test_a_contradictory_plan_cannot_be_made() -> None:
    plan = fit(machine(), _CPU, TINY)
    for change in ({"num_slots": 65}, {"n_batch": 4}, {"n_ubatch": 4096}, {"threads": 0}):
        with pytest.raises(ConfigError, match="contradictory"):
            EnginePlan(**{**msgspec.structs.asdict(plan), **change})


def test_a_plan_crosses_process_borders_unchanged() -> None:
    plan = fit(machine(), _CPU, TINY)
    assert msgspec.json.decode(msgspec.json.encode(plan), type=EnginePlan) == plan
