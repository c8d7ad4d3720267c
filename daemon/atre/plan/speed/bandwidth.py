# SPDX-License-Identifier: Apache-2.0
"""How fast the memory that holds a model is read: the best that is known, and from where."""

import msgspec

from atre.hardware.machine import Machine
from atre.hardware.profiles import Profile
from atre.plan.speed.efficiency import READABLE, Kind

_GB = 10**9


class MeasuredBandwidth(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes a second that all cores together read from main memory; ``date`` is ISO 8601, UTC."""

    bytes_s: float
    date: str
    machine: str


class Bandwidth(msgspec.Struct, frozen=True, kw_only=True):
    """Theoretical bytes a second, from the least to the most; ``basis`` says where from."""

    low_bytes_s: float
    high_bytes_s: float
    basis: str
    basis_fr: str


def fingerprint(machine: Machine) -> str:
    """What decides how fast main memory is read; nothing in it identifies one machine of many."""
    cpu, memory = machine.cpu, machine.memory
    total = "?" if memory.total_bytes is None else f"{memory.total_bytes / 2**30:.0f}"
    bus = "" if memory.bus is None else f", {memory.bus.channels} × {memory.bus.speed_mts} MT/s"
    cpus = cpu.allowed_cpus or cpu.logical_cpus or "?"
    return f"{cpu.model or cpu.architecture or 'processor'}, {cpus} CPUs, {total} GiB{bus}"


def known_bandwidth(
    machine: Machine, profile: Profile, kind: Kind, measured: MeasuredBandwidth | None
) -> Bandwidth | None:
    """What was measured here, else what the modules carry, else what was published; None if none.

    A measurement is what software reads: the theoretical figure is taken to be so much higher that
    the shares of ``efficiency`` fit. A card's memory is neither measured nor listed by udev.
    """
    if kind != "card":
        if measured is not None:
            figure, day = _gb_s(measured.bytes_s), measured.date[:10]
            carried = _gb_s(measured.bytes_s / READABLE)
            return _one(
                measured.bytes_s / READABLE,
                f"memory reads {figure} GB/s, measured on this machine on {day}, so that it "
                f"carries about {carried}",
                f"la mémoire lit {figure.replace('.', ',')} Go/s, mesuré sur cette machine le "
                f"{day}, et en porte donc environ {carried.replace('.', ',')}",
            )
        bus = machine.memory.bus
        if bus is not None:
            figure = _gb_s(bus.bandwidth_bytes_per_s)
            return _one(
                bus.bandwidth_bytes_per_s,
                f"memory carries {figure} GB/s, by its modules",
                f"la mémoire débite {figure.replace('.', ',')} Go/s, d’après ses modules",
            )
    published = [figure for figure in profile.figures if figure.unit == "GB/s"]
    if not published:
        return None
    least = min(published, key=lambda figure: figure.value)
    most = max(published, key=lambda figure: figure.value)
    span = f"{least.value:g}" if least is most else f"{least.value:g} to {most.value:g}"
    span_fr = span.replace(" to ", " à ").replace(".", ",")
    return Bandwidth(
        low_bytes_s=least.value * _GB,
        high_bytes_s=most.value * _GB,
        basis=f"memory carries {span} GB/s, published for such a machine ({most.source})",
        basis_fr=f"la mémoire débite {span_fr} Go/s, publié pour une telle machine ({most.source})",
    )


def _one(bytes_s: float, basis: str, basis_fr: str) -> Bandwidth:
    return Bandwidth(low_bytes_s=bytes_s, high_bytes_s=bytes_s, basis=basis, basis_fr=basis_fr)


def _gb_s(bytes_s: float) -> str:
    return f"{bytes_s / _GB:.1f}"
