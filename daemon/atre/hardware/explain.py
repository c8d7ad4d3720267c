# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable
from functools import partial

import msgspec

from atre.engine_plan import EnginePlan
from atre.hardware.choose import Choice
from atre.hardware.explain_memory import memory_speed
from atre.hardware.explain_words import line, number
from atre.hardware.machine import Cpu, GgmlDevice, Machine, Memory, PciDevice, SocDevice
from atre.hardware.profiles import Figure
from atre.hardware.remedies import words
from atre.hardware.usage import DeviceUse, Outcome, device_uses
from atre.speed_figure import SpeedFigure

# Names in /proc/cpuinfo against those in ggml_backend_get_features (ggml-cpu.cpp).
_FEATURE_OF_FLAG = {
    "avx": "AVX",
    "avx2": "AVX2",
    "avx_vnni": "AVX_VNNI",
    "avx512f": "AVX512",
    "avx512_vnni": "AVX512_VNNI",
    "avx512_bf16": "AVX512_BF16",
    "amx_int8": "AMX_INT8",
    "f16c": "F16C",
    "fma": "FMA",
    "bmi2": "BMI2",
    "asimd": "NEON",
    "asimdhp": "FP16_VA",
    "asimddp": "DOTPROD",
    "i8mm": "MATMUL_INT8",
    "sve": "SVE",
    "sme": "SME",
}


_FRENCH_UNITS: dict[str, str] = {"tokens/s": "jetons/s", "GB/s": "Go/s"}
_Say = Callable[..., str]  # ``line`` in one language


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """The words for what a device is, in one language."""

    integrated: str
    software: str
    card: str
    own_memory: str
    driver: str
    no_driver: str


_ENGLISH_FACTS = Facts(
    integrated="integrated", software="software on the processor", card="card",
    own_memory="GiB of its own", driver="driver", no_driver="no driver",
)  # fmt: skip
FRENCH_FACTS = Facts(
    integrated="intégré", software="logiciel sur le processeur", card="carte",
    own_memory="Gio en propre", driver="pilote", no_driver="sans pilote",
)  # fmt: skip


def explain(
    machine: Machine,
    choice: Choice,
    plan: EnginePlan | None = None,
    outcome: Outcome | None = None,
    *,
    french: bool = False,
    with_refusals: bool = True,
) -> list[str]:
    """What was found, what was chosen and why, one sentence or fact a line.

    ``with_refusals`` adds why each other profile was not chosen.
    """
    runs_on_gpu = puts_layers_on_gpu(choice, plan)
    uses = device_uses(machine, runs_on_gpu=runs_on_gpu, outcome=outcome)
    say = partial(line, french=french)
    profile = choice.profile
    title, reason = (
        (profile.title_fr, choice.reason_fr) if french else (profile.title, choice.reason)
    )
    reasons, issues = _decisions(plan, french=french)
    return [
        _product(machine, say),
        say("system", machine.os_version or say("unknown"), machine.kernel or say("unknown")),
        _cpu(machine.cpu, say, french=french),
        _memory(machine.memory, say, french=french),
        memory_speed(machine.memory, french=french),
        *_devices(machine, uses, say, french=french),
        *_llama(machine, say),
        say("profile", profile.name, title, reason),
        say("models", ", ".join(profile.models) or say("no_models")),
        *(_figure(figure, say, french=french) for figure in profile.figures),
        *(
            say("not", refusal.name, refusal.why_fr if french else refusal.why)
            for refusal in (choice.refused if with_refusals else ())
        ),
        *reasons,
        *(_speed(plan.speed, say, french=french) if plan else []),
        *(say("attention", issue) for issue in issues),
        *(say("not_read", issue.source, issue.detail, issue.code) for issue in machine.issues),
    ]


def _decisions(plan: EnginePlan | None, *, french: bool) -> tuple[list[str], list[str]]:
    if plan is None:
        return [], []
    return (plan.reasons_fr, plan.issues_fr) if french else (plan.reasons, plan.issues)


def puts_layers_on_gpu(choice: Choice, plan: EnginePlan | None) -> bool:
    """Whether the model runs on a GPU, or would if its plan were known."""
    if plan is None:
        return choice.profile.run.layers_on_gpu != "none"
    return plan.n_gpu_layers > 0


def _product(machine: Machine, say: _Say) -> str:
    product = machine.product
    board = " ".join(name for name in (product.board_vendor, product.board_name) if name)
    names = " ".join(name for name in (product.vendor, product.name) if name)
    return say("machine", names or board or say("unknown"))


def _cpu(cpu: Cpu, say: _Say, *, french: bool) -> str:
    def count(number: int | None) -> str:
        return say("unknown") if number is None else str(number)

    facts = [
        cpu.model or say("cpu_model"),
        cpu.architecture or say("cpu_architecture"),
        say("cores", count(cpu.physical_cores), count(cpu.logical_cpus)),
    ]
    if cpu.performance_cores is not None:
        facts.append(say("performance", cpu.performance_cores))
    if cpu.quota_cpus is not None:
        quota = f"{cpu.quota_cpus:g}"
        facts.append(say("quota", quota.replace(".", ",") if french else quota))
    if cpu.flags:
        facts.append(" ".join(cpu.flags))
    if cpu.cache_bytes is not None:
        facts.append(say("cache", f"{cpu.cache_bytes / 2**20:g}"))
    return say("cpu", ", ".join(facts))


def _memory(memory: Memory, say: _Say, *, french: bool) -> str:
    def size(num_bytes: int | None) -> str:
        if num_bytes is None:
            return say("unknown")
        return f"{number(num_bytes / 2**30, 1, french=french)} {'Gio' if french else 'GiB'}"

    limit = "" if memory.limit_bytes is None else say("memory_limit", size(memory.limit_bytes))
    return say("memory", size(memory.total_bytes), size(memory.available_bytes)) + limit


def _devices(
    machine: Machine, uses: tuple[DeviceUse, ...], say: _Say, *, french: bool
) -> list[str]:
    lines = [_use(use, say, french=french) for use in uses]
    if machine.gpus is None and not machine.soc:
        return [say("pci_unknown"), *lines]
    if all(isinstance(use.device, GgmlDevice) for use in uses):
        return [say("no_gpu"), *lines]
    return lines


def _use(use: DeviceUse, say: _Say, *, french: bool) -> str:
    text = words(use)
    reason, remedy = (text.reason_fr, text.remedy_fr) if french else (text.reason, text.remedy)
    remedy = f". {remedy} ({use.code})" if remedy else ""
    device = describe(use.device, FRENCH_FACTS if french else _ENGLISH_FACTS)
    return say("use", kind(use), device, reason) + remedy


def kind(use: DeviceUse) -> str:
    """GPU or NPU, which French calls alike."""
    return "GPU" if use.npu_state is None else "NPU"


def describe(device: PciDevice | SocDevice | GgmlDevice, spoken: Facts = _ENGLISH_FACTS) -> str:
    """Where the device is and what it is, by numbers; one in software is nowhere and has a name."""
    if isinstance(device, GgmlDevice):
        return f"{device.name} [{device.description}], {spoken.software}"
    facts = [device.address]
    if isinstance(device, PciDevice):
        facts[0] += f" [{device.pci_id}]"
        if device.integrated is not None:
            facts.append(spoken.integrated if device.integrated else spoken.card)
        if device.memory_bytes is not None:
            facts.append(f"{device.memory_bytes / 2**30:.1f} {spoken.own_memory}")
    else:
        facts += [spoken.integrated]
        facts[0] += f" [{device.compatible[0]}]" if device.compatible else ""
    facts.append(f"{spoken.driver} {device.driver}" if device.driver else spoken.no_driver)
    return ", ".join(facts)


def _llama(machine: Machine, say: _Say) -> list[str]:
    if machine.devices is None:
        return [say("llama_unknown")]
    devices = ", ".join(f"{device.name} ({device.description})" for device in machine.devices)
    lines = [say("llama", devices or say("no_device"))]
    unused = unused_flags(machine)
    return [*lines, say("flags", ", ".join(unused))] if unused else lines


def _speed(speed: SpeedFigure, say: _Say, *, french: bool) -> list[str]:
    why = speed.why_fr if french else speed.why
    lines = [say("speed", speed.words(french=french), why)]
    if speed.prompt_tokens_s is not None:
        lines.append(say("prompt_speed", f"{speed.prompt_tokens_s:.0f}"))
    return lines


def _figure(figure: Figure, say: _Say, *, french: bool) -> str:
    value, unit = f"{figure.value:g}", str(figure.unit)
    if french:
        value, unit = value.replace(".", ","), _FRENCH_UNITS.get(unit, unit)
    return say("figure", value, unit, figure.what, figure.source, figure.date)


def unused_flags(machine: Machine) -> list[str]:
    """What the processor has and the installed llama.cpp was not compiled for."""
    if machine.cpu_features is None:
        return []
    return [
        flag
        for flag in machine.cpu.flags or ()
        if flag in _FEATURE_OF_FLAG and _FEATURE_OF_FLAG[flag] not in machine.cpu_features
    ]
