# SPDX-License-Identifier: Apache-2.0
"""From a machine, a model and its plan to how fast it will write."""

from collections.abc import Iterable
from pathlib import Path

from atre.engine_plan import EnginePlan
from atre.hardware.machine import DeviceType, GgmlDevice, Machine
from atre.hardware.profiles import Profile
from atre.hardware.usage import best_gpu, shares_main_memory
from atre.models.footprint import SHORT_CONTEXT_TOKENS, token_bytes
from atre.models.gguf_header import GgufHeader
from atre.plan.race.candidates import PROCESSOR, ModelIdentity, identity
from atre.plan.speed.bandwidth import fingerprint, known_bandwidth
from atre.plan.speed.efficiency import Kind
from atre.plan.speed.estimate import Reading, Subject, estimate
from atre.plan.speed.record import Known
from atre.speed_figure import SpeedFigure


def outlook(
    machine: Machine, profile: Profile, header: GgufHeader, plan: EnginePlan, known: Known
) -> SpeedFigure:
    """The speed of one answer by ``plan``, half way through its context."""
    gpu = _gpu(machine, plan)
    kind = kind_of(machine, gpu)
    context_tokens = plan.max_sequence_tokens // 2
    reading = Reading(
        token_bytes=token_bytes(header, plan.kv_type, context_tokens),
        context_tokens=context_tokens,
        is_mixture=header.is_mixture,
        device=gpu.name if gpu else PROCESSOR,
        kind=kind if gpu is None or plan.n_gpu_layers > header.n_layer else None,
        cache_bytes=machine.cpu.cache_bytes,
        model=_identity(header),
    )
    return estimate(
        reading, known_bandwidth(machine, profile, kind, known.bandwidth), known.samples
    )


def subject(machine: Machine, header: GgufHeader, plan: EnginePlan) -> Subject | None:
    """Of what the engine's own counters will tell the speed; None if the file is gone."""
    model, gpu = _identity(header), _gpu(machine, plan)
    if model is None:
        return None
    return Subject(
        model=model,
        device=gpu.name if gpu else PROCESSOR,
        # What most questions of an office are, and what the devices race with.
        token_bytes=token_bytes(header, plan.kv_type, SHORT_CONTEXT_TOKENS),
        is_mixture=header.is_mixture,
        machine=fingerprint(machine),
    )


def kind_of(machine: Machine, gpu: GgmlDevice | None) -> Kind:
    """Whose memory the weights are read from, and by whom."""
    if gpu is None:
        return "processor"
    is_shared = gpu.type is DeviceType.IGPU or shares_main_memory(machine, gpu)
    return "integrated" if is_shared else "card"


def _gpu(machine: Machine, plan: EnginePlan) -> GgmlDevice | None:
    if not plan.n_gpu_layers:
        return None
    devices: Iterable[GgmlDevice] = machine.devices or ()
    return best_gpu(device for device in devices if plan.device in {None, device.name})


def _identity(header: GgufHeader) -> ModelIdentity | None:
    try:
        return identity(Path(header.path))
    except OSError:
        return None
