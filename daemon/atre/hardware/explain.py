# SPDX-License-Identifier: Apache-2.0
import msgspec

from atre.engine_plan import EnginePlan
from atre.hardware.choose import Choice
from atre.hardware.explain_memory import memory_speed
from atre.hardware.machine import Cpu, Machine, Memory, PciDevice, SocDevice
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


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """The words for what a device is, in one language."""

    integrated: str
    card: str
    own_memory: str
    driver: str
    no_driver: str


_ENGLISH_FACTS = Facts(
    integrated="integrated", card="card", own_memory="GiB of its own", driver="driver",
    no_driver="no driver",
)  # fmt: skip
FRENCH_FACTS = Facts(
    integrated="intégré", card="carte", own_memory="Gio en propre", driver="pilote",
    no_driver="sans pilote",
)  # fmt: skip


def explain(
    machine: Machine,
    choice: Choice,
    plan: EnginePlan | None = None,
    outcome: Outcome | None = None,
) -> list[str]:
    """What was found, what was chosen and why, one English sentence or fact a line."""
    runs_on_gpu = puts_layers_on_gpu(choice, plan)
    uses = device_uses(machine, runs_on_gpu=runs_on_gpu, outcome=outcome)
    return [
        _product(machine),
        f"System: {machine.os_version or 'unknown'}, kernel {machine.kernel or 'unknown'}",
        _cpu(machine.cpu),
        _memory(machine.memory),
        memory_speed(machine.memory),
        *_devices(machine, uses),
        *_llama(machine),
        f"Profile: {choice.profile.name} ({choice.profile.title}): {choice.reason}.",
        f"Models for it, best first: {', '.join(choice.profile.models) or 'none named'}",
        *(_figure(figure) for figure in choice.profile.figures),
        *(f"Not {refusal.name}: {refusal.why}." for refusal in choice.refused),
        *(plan.reasons if plan else ()),
        *([_speed(plan.speed)] if plan else []),
        *(f"Attention: {issue}" for issue in (plan.issues if plan else ())),
        *(f"Not read: {issue.source}: {issue.detail} ({issue.code})." for issue in machine.issues),
    ]


def puts_layers_on_gpu(choice: Choice, plan: EnginePlan | None) -> bool:
    """Whether the model runs on a GPU, or would if its plan were known."""
    if plan is None:
        return choice.profile.run.layers_on_gpu != "none"
    return plan.n_gpu_layers > 0


def _product(machine: Machine) -> str:
    product = machine.product
    board = " ".join(name for name in (product.board_vendor, product.board_name) if name)
    names = " ".join(name for name in (product.vendor, product.name) if name)
    return f"Machine: {names or board or 'unknown'}"


def _cpu(cpu: Cpu) -> str:
    facts = [
        cpu.model or "unknown model",
        cpu.architecture or "unknown architecture",
        f"{_count(cpu.physical_cores)} cores, {_count(cpu.logical_cpus)} CPUs",
    ]
    if cpu.performance_cores is not None:
        facts.append(f"{cpu.performance_cores} of them performance cores")
    if cpu.quota_cpus is not None:
        facts.append(f"limited to {cpu.quota_cpus:g} CPUs")
    if cpu.flags:
        facts.append(" ".join(cpu.flags))
    if cpu.cache_bytes is not None:
        facts.append(f"{cpu.cache_bytes / 2**20:g} MiB of cache")
    return f"Processor: {', '.join(facts)}"


def _memory(memory: Memory) -> str:
    limit = "" if memory.limit_bytes is None else f", limited to {_gib(memory.limit_bytes)}"
    return f"Memory: {_gib(memory.total_bytes)}, {_gib(memory.available_bytes)} available{limit}"


def _devices(machine: Machine, uses: tuple[DeviceUse, ...]) -> list[str]:
    lines = [_use(use) for use in uses]
    if machine.gpus is None and not machine.soc:
        return ["GPU: unknown, the PCI bus cannot be listed", *lines]
    return lines or ["GPU: none on the PCI bus"]


def _use(use: DeviceUse) -> str:
    text = words(use)
    remedy = f". {text.remedy} ({use.code})" if text.remedy else ""
    return f"{kind(use)}: {describe(use.device)}: {text.reason}{remedy}"


def kind(use: DeviceUse) -> str:
    """GPU or NPU, which French calls alike."""
    return "GPU" if use.npu_state is None else "NPU"


def describe(device: PciDevice | SocDevice, spoken: Facts = _ENGLISH_FACTS) -> str:
    """Where the device is and what it is, by numbers."""
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


def _llama(machine: Machine) -> list[str]:
    if machine.devices is None:
        return ["llama.cpp: its devices are unknown"]
    devices = ", ".join(f"{device.name} ({device.description})" for device in machine.devices)
    lines = [f"llama.cpp: {devices or 'no device'}"]
    unused = unused_flags(machine)
    if unused:
        lines.append(
            f"llama.cpp was compiled without {', '.join(unused)}, which this processor has: "
            "compile it on this machine to gain speed"
        )
    return lines


def _speed(speed: SpeedFigure) -> str:
    return f"Speed for one reader: {speed.words()}. {speed.why}"


def _figure(figure: Figure) -> str:
    return (
        f"Published for such a machine: {figure.value:g} {figure.unit}, {figure.what} "
        f"({figure.source}, {figure.date})"
    )


def unused_flags(machine: Machine) -> list[str]:
    """What the processor has and the installed llama.cpp was not compiled for."""
    if machine.cpu_features is None:
        return []
    return [
        flag
        for flag in machine.cpu.flags or ()
        if flag in _FEATURE_OF_FLAG and _FEATURE_OF_FLAG[flag] not in machine.cpu_features
    ]


def _count(number: int | None) -> str:
    return "unknown" if number is None else str(number)


def _gib(num_bytes: int | None) -> str:
    return "unknown" if num_bytes is None else f"{num_bytes / 2**30:.1f} GiB"
