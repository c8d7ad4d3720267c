# SPDX-License-Identifier: Apache-2.0
"""What fits where: a pure decision from facts about machine, profile and model."""

import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import msgspec
from msgspec.structs import replace

from atre.allocation import Allocation
from atre.engine_plan import EnginePlan, with_words
from atre.errors import ModelLoadError
from atre.hardware.machine import GgmlDevice, Machine
from atre.hardware.profiles import Profile, RunSettings
from atre.hardware.threads import count_threads
from atre.hardware.usage import best_gpu, shares_main_memory
from atre.models.footprint import CELL_PADDING, kv_cell_bytes
from atre.models.gguf_header import GgufHeader
from atre.models.split import whole_name
from atre.plan import fit_words
from atre.plan.expected_allocation import expected_allocation
from atre.sentence import Sentence

_MIN_POOL_TOKENS = 2048  # below, a question with one page of text no longer fits
# Copies of what ended answers held take a quarter of what is left. The least comes out of the
# reserve; beyond the most, an office's conversations of a day fit.
_SNAPSHOT_SHARE = 4
_LEAST_SNAPSHOT_BYTES, _MOST_SNAPSHOT_BYTES = 2**28, 2**31
# Each takes a child process; estimates are from above, so that one is the rule.
_MOST_REHEARSALS = 4
_FLASH: dict[str, bool | None] = {"auto": None, "on": True, "off": False}


Rehearse = Callable[[EnginePlan], Allocation | None]


class _Room(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes that the model may take; None is unknown.

    ``total_bytes`` bounds both together: an integrated GPU takes from main memory, beside what the
    firmware set apart for it, which main memory does not show.
    """

    main_bytes: int | None
    gpu_bytes: int | None = None
    total_bytes: int | None = None


class _Load(msgspec.Struct, frozen=True, kw_only=True):
    """One way to load the model: a pool of KV cells, and some of the layers on the GPU."""

    pool: int
    layers: int
    main_bytes: int
    gpu_bytes: int
    is_rehearsed: bool


def fit(
    machine: Machine,
    profile: Profile,
    header: GgufHeader,
    *,
    device: str | None = None,
    rehearse: Rehearse | None = None,
) -> EnginePlan:
    """The plan that loads this model on this machine, with a sentence for every decision.

    ``device`` is llama.cpp's name of the one that a race chose, which outweighs the profile.
    ``rehearse`` gives llama.cpp's own figures for a plan, or None; without, they are estimated.

    Memory is weights + KV cells + llama.cpp's buffers + the profile's reserve. When it does not
    fit, the context is lowered first, then the layers on the GPU, and an issue says so.
    Raises ModelLoadError when not even the smallest context fits, or the file is not a model.
    """
    if header.kind != "model":
        raise ModelLoadError(
            f"{header.path} is a GGUF of kind {header.kind!r}, which cannot answer by itself. "
            "Choose a whole model.",
            f"{header.path} est un GGUF de type {header.kind!r}, qui ne peut pas répondre seul. "
            "Choisissez un modèle entier.",
        )
    run = _on(machine, profile.run, device)
    window = min(run.sequence_tokens, header.n_ctx_train)
    wanted = _padded(min(run.context_tokens, window * run.slots))
    gpu = _gpu(machine, device) if run.layers_on_gpu != "none" else None
    room = _room(machine, gpu, run.reserve_bytes)
    rehearsals = 0
    smallest_bytes = 0
    divided = partial(_divided, machine, run, header, device, rehearse)
    for run_here, estimate in _loads(header, run, wanted, divided, use_gpu=gpu is not None):
        smallest_bytes = estimate.main_bytes
        if not _fits(estimate, room):
            continue
        plan = _plan(machine, run_here, header, estimate, device)
        allocation = None
        if rehearse is not None and rehearsals < _MOST_REHEARSALS:
            rehearsals += 1
            allocation = rehearse(plan)
        load = _load(header, run_here, estimate.pool, estimate.layers, allocation)
        if _fits(load, room):
            return _explained(plan, machine, run_here, header, load, room, gpu, wanted)
    raise ModelLoadError(
        f"{header.path} needs {fit_words.size(smallest_bytes)} of memory even with the smallest "
        f"context, and {fit_words.size(room.main_bytes)} can be used. Choose a smaller model or "
        "quantisation.",
        f"{header.path} demande {fit_words.size_fr(smallest_bytes)} de mémoire, même avec le plus "
        f"petit contexte, et {fit_words.size_fr(room.main_bytes)} sont utilisables. Choisissez un "
        "modèle plus petit ou une quantification plus petite.",
    )


def _divided(
    machine: Machine,
    run: RunSettings,
    header: GgufHeader,
    device: str | None,
    rehearse: Rehearse | None,
) -> RunSettings:
    """The settings for some of the layers on the GPU, with flash attention if the GPU knows it.

    Left to choose, llama.cpp asks with a token for each sequence, of which we announce many: from
    32 on the GPU also computes other layers, which it takes for missing support
    (llama-context.cpp, resolve_fused_ops). With the whole model there, it asks in earnest.
    """
    if run.flash_attention != "auto" or rehearse is None:
        return run
    whole = _load(header, run, _MIN_POOL_TOKENS, header.n_layer + 1, None)
    allocation = rehearse(_plan(machine, run, header, whole, device))
    knows_it = allocation is not None and allocation.flash_attention
    return replace(run, flash_attention="on") if knows_it else run


def _plan(
    machine: Machine, run: RunSettings, header: GgufHeader, load: _Load, device: str | None
) -> EnginePlan:
    n_batch = min(run.batch_tokens, load.pool)
    return EnginePlan(
        model_path=header.path,
        name=whole_name(Path(header.path)),
        n_ctx=load.pool,
        max_sequence_tokens=min(run.sequence_tokens, header.n_ctx_train, load.pool),
        num_slots=run.slots,
        n_batch=n_batch,
        n_ubatch=min(run.micro_batch_tokens, n_batch),
        threads=count_threads(machine.cpu, run.threads)[0],
        threads_batch=count_threads(machine.cpu, run.threads_batch)[0],
        cell_bytes=max(1, kv_cell_bytes(header, run.kv_type)),  # purely recurrent ones have none
        n_gpu_layers=load.layers,
        device=device,
        kv_type=run.kv_type,
        flash_attention=_FLASH[run.flash_attention],
    )


def _explained(
    plan: EnginePlan,
    machine: Machine,
    run: RunSettings,
    header: GgufHeader,
    load: _Load,
    room: _Room,
    gpu: GgmlDevice | None,
    wanted: int,
) -> EnginePlan:
    """The plan with what is left given to copies, its reasons and its issues."""
    snapshot_bytes = _snapshot_bytes(load, room)
    reasons = [
        count_threads(machine.cpu, run.threads)[1],
        fit_words.window(plan.max_sequence_tokens, header.n_ctx_train),
        fit_words.shared_context(run.slots, load.pool),
        fit_words.memory(load.main_bytes, room.main_bytes, is_rehearsed=load.is_rehearsed),
        fit_words.snapshots(snapshot_bytes),
        _device_reason(gpu, load, header),
    ]
    issues = _issues(run, gpu, room, load, header, wanted)
    return with_words(replace(plan, snapshot_bytes=snapshot_bytes), reasons, issues)


def _on(machine: Machine, run: RunSettings, device: str | None) -> RunSettings:
    """The profile's settings with layers where the race wants them."""
    if device is None:
        return run
    if _gpu(machine, device) is None:
        return replace(run, layers_on_gpu="none")
    return replace(run, layers_on_gpu="all") if run.layers_on_gpu == "none" else run


def _gpu(machine: Machine, device: str | None) -> GgmlDevice | None:
    """The GPU named ``device``, in software too, or the best one."""
    if device is None:
        return best_gpu(machine.devices)
    named = (found for found in machine.devices or () if found.is_gpu and found.name == device)
    return next(named, None)


def _padded(num_tokens: int) -> int:
    return -(-num_tokens // CELL_PADDING) * CELL_PADDING


def _room(machine: Machine, gpu: GgmlDevice | None, reserve_bytes: int) -> _Room:
    memory = machine.memory
    known = [size for size in (memory.available_bytes, memory.limit_bytes) if size is not None]
    main_bytes = max(0, min(known) - reserve_bytes) if known else None
    if gpu is None:
        return _Room(main_bytes=main_bytes)
    free_bytes = gpu.memory_free_bytes or gpu.memory_total_bytes
    if shares_main_memory(machine, gpu):
        total_bytes = None if main_bytes is None else main_bytes + _own_bytes(machine, gpu)
        return _Room(main_bytes=main_bytes, gpu_bytes=free_bytes, total_bytes=total_bytes)
    if free_bytes is not None:
        free_bytes = max(0, free_bytes - reserve_bytes)
    return _Room(main_bytes=main_bytes, gpu_bytes=free_bytes)


def _own_bytes(machine: Machine, gpu: GgmlDevice) -> int:
    return sum(
        device.memory_bytes or 0
        for device in machine.gpus or ()
        if device.address == gpu.pci_address
    )


def _loads(
    header: GgufHeader,
    run: RunSettings,
    wanted: int,
    divided: Callable[[], RunSettings],
    *,
    use_gpu: bool,
) -> Iterator[tuple[RunSettings, _Load]]:
    """Settings and estimates, the best first: ever smaller pools, then fewer layers on the GPU.

    ``divided`` gives the settings for some of the layers there, which it takes a while to know.
    """
    top = _top_layers(header, run) if use_gpu else 0
    pools = [wanted]
    while pools[-1] > _MIN_POOL_TOKENS:
        pools.append(max(_MIN_POOL_TOKENS, _padded(pools[-1] // 2)))
    ways = [(pool, top) for pool in pools]
    ways += [(pools[-1], layers) for layers in range(top - 1, -1, -1)]
    run_divided: RunSettings | None = None
    for pool, layers in ways:
        run_here = run
        if 0 < layers <= header.n_layer:
            run_here = run_divided = run_divided or divided()
        yield run_here, _load(header, run_here, pool, layers, None)


def _blocks_on_gpu(layers: int) -> int:
    return max(0, layers - 1)  # llama.cpp counts the output as one


def _top_layers(header: GgufHeader, run: RunSettings) -> int:
    every_layer = header.n_layer + 1  # llama.cpp counts the output as one more
    asked = run.layers_on_gpu
    return min(asked, every_layer) if isinstance(asked, int) else every_layer


def _load(
    header: GgufHeader, run: RunSettings, pool: int, layers: int, allocation: Allocation | None
) -> _Load:
    figures = allocation or expected_allocation(header, run, pool, layers)
    # llama.cpp moves the output first, then the last blocks; the input stays (llama-model.cpp).
    blocks = _blocks_on_gpu(layers) / header.n_layer
    moved = math.ceil((header.block_bytes + figures.cache_bytes) * blocks)
    output = header.weights_bytes - header.block_bytes - header.input_bytes if layers else 0
    kept = header.weights_bytes + figures.cache_bytes - moved - output
    if layers:
        moved += output + header.tied_bytes
    return _Load(
        pool=pool,
        layers=layers,
        main_bytes=kept + figures.host_buffer_bytes,
        gpu_bytes=moved + figures.device_buffer_bytes,
        is_rehearsed=allocation is not None,
    )


def _fits(load: _Load, room: _Room) -> bool:
    return all(
        limit is None or needed <= limit
        for needed, limit in (
            (load.main_bytes, room.main_bytes),
            (load.gpu_bytes, room.gpu_bytes),
            (load.main_bytes + load.gpu_bytes, room.total_bytes),
        )
    )


def _snapshot_bytes(load: _Load, room: _Room) -> int:
    left = [
        limit - needed
        for needed, limit in (
            (load.main_bytes, room.main_bytes),
            (load.main_bytes + load.gpu_bytes, room.total_bytes),
        )
        if limit is not None
    ]
    wanted = min(left, default=0) // _SNAPSHOT_SHARE
    return min(max(wanted, _LEAST_SNAPSHOT_BYTES), _MOST_SNAPSHOT_BYTES)


def _device_reason(gpu: GgmlDevice | None, load: _Load, header: GgufHeader) -> Sentence:
    if gpu is None:
        return fit_words.on_processor()
    return fit_words.on_gpu(
        _blocks_on_gpu(load.layers), header.n_layer, f"{gpu.description} ({gpu.name})",
        load.gpu_bytes,
    )  # fmt: skip


def _issues(
    run: RunSettings,
    gpu: GgmlDevice | None,
    room: _Room,
    load: _Load,
    header: GgufHeader,
    wanted: int,
) -> list[Sentence]:
    issues: list[Sentence] = []
    if load.pool < wanted:
        issues.append(fit_words.context_lowered(wanted, load.pool))
    if room.main_bytes is None:
        issues.append(fit_words.memory_unknown())
    if run.layers_on_gpu != "none" and gpu is None:
        issues.append(fit_words.no_gpu())
    elif gpu is not None and load.layers < _top_layers(header, run):
        issues.append(fit_words.few_layers(_blocks_on_gpu(load.layers), header.n_layer))
    return issues
