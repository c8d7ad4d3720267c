# SPDX-License-Identifier: Apache-2.0
"""Facts about one machine. None always means unknown, never zero or absent."""

from enum import StrEnum
from typing import Literal

import msgspec


class IssueCode(StrEnum):
    """Why a fact is missing; the panel has a sentence for each in both languages."""

    UNREADABLE = "unreadable"
    MALFORMED = "malformed"
    VANISHED = "vanished"
    TIMED_OUT = "timed_out"
    CRASHED = "crashed"
    FAILED = "failed"


class Issue(msgspec.Struct, frozen=True):
    """Something that could not be read: where, and what was there instead."""

    code: IssueCode
    source: str
    detail: str


class Cpu(msgspec.Struct, frozen=True, kw_only=True):
    """``flags`` holds only those that decide how fast llama.cpp runs.

    ``performance_cores`` is known only where cores differ. ``cache_bytes`` is the last level of
    the first core. ``quota_cpus`` is the cgroup's CPU time in whole CPUs, ``allowed_cpus`` the
    number of CPUs this process may run on.
    """

    architecture: str | None = None
    vendor: str | None = None
    model: str | None = None
    flags: tuple[str, ...] | None = None
    physical_cores: int | None = None
    logical_cpus: int | None = None
    performance_cores: int | None = None
    cache_bytes: int | None = None
    quota_cpus: float | None = None
    allowed_cpus: int | None = None


class MemoryModule(msgspec.Struct, frozen=True, kw_only=True):
    """One filled memory slot, or one soldered chip, as the firmware describes it.

    ``configured_mts`` is the speed that it runs at, ``rated_mts`` the one that it was sold for, in
    millions of transfers a second. Serial numbers are never read.
    """

    size_bytes: int | None = None
    technology: str | None = None
    form_factor: str | None = None
    data_bits: int | None = None
    configured_mts: int | None = None
    rated_mts: int | None = None
    locator: str | None = None
    bank_locator: str | None = None


class MemoryBus(msgspec.Struct, frozen=True, kw_only=True):
    """All memory channels together; ``bandwidth_bytes_per_s`` is what they could carry in theory.

    ``is_configured`` False says that only the speed on the label of the modules is known.
    """

    channels: int
    data_bits: int
    speed_mts: int
    is_configured: bool
    bandwidth_bytes_per_s: int


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """Main memory. ``limit_bytes`` is the tightest cgroup limit, None when there is none."""

    total_bytes: int | None = None
    available_bytes: int | None = None
    limit_bytes: int | None = None
    modules: tuple[MemoryModule, ...] | None = None
    bus: MemoryBus | None = None


class Access(StrEnum):
    """Whether this process may use a device file; MISSING also in a container that lacks it."""

    OPEN = "open"
    FORBIDDEN = "forbidden"
    MISSING = "missing"


class PciDevice(msgspec.Struct, frozen=True, kw_only=True):
    """One GPU or NPU as the PCI bus shows it; ids are lower-case hexadecimal without 0x.

    ``memory_bytes`` is its own memory, ``shared_bytes`` what it may take from main memory, ``gfx``
    the instruction set of an AMD GPU, as ``gfx1151``.
    """

    address: str
    vendor_id: str
    device_id: str
    pci_class: str | None = None
    driver: str | None = None
    integrated: bool | None = None
    gfx: str | None = None
    memory_bytes: int | None = None
    shared_bytes: int | None = None
    node: str | None = None
    access: Access | None = None

    @property
    def pci_id(self) -> str:
        return f"{self.vendor_id}:{self.device_id}"

    @property
    def base_class(self) -> str | None:
        """Class and subclass without the programming interface, as ``0300``."""
        return self.pci_class[:4] if self.pci_class else None


class SocDevice(msgspec.Struct, frozen=True, kw_only=True):
    """A GPU or NPU inside the processor's chip, on no PCI bus; it shares the main memory.

    ``address`` is its name on the platform bus, ``compatible`` what the device tree calls it.
    """

    kind: Literal["gpu", "npu"]
    address: str
    compatible: tuple[str, ...] = ()
    driver: str | None = None
    node: str | None = None
    access: Access | None = None


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """Names given by the maker (DMI, or the device tree on ARM boards); never a serial number."""

    vendor: str | None = None
    name: str | None = None
    family: str | None = None
    board_vendor: str | None = None
    board_name: str | None = None
    compatible: tuple[str, ...] | None = None


class DeviceType(StrEnum):
    """ggml_backend_dev_type of ggml-backend.h."""

    CPU = "cpu"
    GPU = "gpu"
    IGPU = "igpu"
    ACCEL = "accel"
    META = "meta"


class GgmlDevice(msgspec.Struct, frozen=True, kw_only=True):
    """A device that the installed llama.cpp can compute on; ``pci_address`` joins it to sysfs.

    ``backend`` is the part of llama.cpp that drives it, as ``CUDA`` or ``Vulkan``. ``is_software``
    says that it is a program on the processor that poses as a GPU, such as Mesa's lavapipe.
    """

    name: str
    description: str
    type: DeviceType
    memory_total_bytes: int | None = None
    memory_free_bytes: int | None = None
    pci_address: str | None = None
    backend: str | None = None
    is_software: bool = False

    @property
    def is_gpu(self) -> bool:
        """Whether layers of a model can be put on it, software or not."""
        return self.type in {DeviceType.GPU, DeviceType.IGPU}


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Everything detection found. ``gpus``, ``npus`` and ``devices`` None means nobody could look.

    ``soc`` are the GPUs and NPUs that are on no PCI bus. ``backends`` and ``cpu_features`` are what
    the installed llama.cpp was compiled with; ``hidden_backends`` had to be kept from starting, for
    their driver ends every process that loads it.
    """

    os: str | None = None
    os_version: str | None = None
    kernel: str | None = None
    cpu: Cpu = Cpu()
    memory: Memory = Memory()
    gpus: tuple[PciDevice, ...] | None = None
    npus: tuple[PciDevice, ...] | None = None
    soc: tuple[SocDevice, ...] = ()
    product: Product = Product()
    devices: tuple[GgmlDevice, ...] | None = None
    cpu_features: tuple[str, ...] | None = None
    backends: tuple[str, ...] | None = None
    hidden_backends: tuple[str, ...] = ()
    issues: tuple[Issue, ...] = ()
