# SPDX-License-Identifier: Apache-2.0
from pathlib import Path
from typing import Literal

import msgspec

from atre.hardware.machine import DeviceType, GgmlDevice, Machine

PROCESSOR = "CPU"  # the name of ggml-cpu's device


Kind = Literal["processor", "integrated", "card", "software"]


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A device that can be raced, by llama.cpp's name of it."""

    name: str
    description: str
    kind: Kind
    pci_address: str | None = None


class ModelIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """Enough to notice another model without reading gigabytes."""

    name: str
    size_bytes: int
    changed_ns: int


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """Who races with what; a verdict holds for as long as this stays the same."""

    candidates: tuple[Candidate, ...]
    model: ModelIdentity
    llama_version: str


def candidates(machine: Machine) -> tuple[Candidate, ...]:
    """The processor, then every GPU that llama.cpp sees, in its order.

    One in software too: llama.cpp lists it only where somebody asked for it by number.
    """
    cpu = machine.cpu
    threads = cpu.allowed_cpus or cpu.logical_cpus
    processor = Candidate(
        name=PROCESSOR,
        # Another processor, or fewer of its cores allowed, is another race.
        description=f"{cpu.model or cpu.architecture or 'processor'}, {threads or '?'} CPUs",
        kind="processor",
    )
    gpus = (
        Candidate(
            name=device.name,
            description=device.description,
            kind=_kind(device),
            pci_address=device.pci_address,
        )
        for device in machine.devices or ()
        if device.is_gpu
    )
    return (processor, *gpus)


def _kind(device: GgmlDevice) -> Kind:
    if device.is_software:
        return "software"
    return "integrated" if device.type is DeviceType.IGPU else "card"


def identity(model: Path) -> ModelIdentity:
    """The identity of a model file. Raises OSError."""
    status = model.stat()
    return ModelIdentity(name=model.name, size_bytes=status.st_size, changed_ns=status.st_mtime_ns)
