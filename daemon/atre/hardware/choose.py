# SPDX-License-Identifier: Apache-2.0
"""Which profile fits a machine: a total order in which the specific beats the generic."""

from collections.abc import Iterable, Sequence
from enum import Enum

import msgspec

from atre.errors import ConfigError
from atre.hardware.machine import Machine, PciDevice
from atre.hardware.profiles import MatchRules, Profile


class Verdict(Enum):
    """What one rule says of one machine; UNKNOWN neither recommends nor rejects."""

    MATCHES = "matches"
    DIFFERS = "differs"
    UNKNOWN = "unknown"


class Finding(msgspec.Struct, frozen=True):
    """One rule held against one machine; ``detail`` says what was wanted and found."""

    rule: str
    verdict: Verdict
    detail: str


class Refusal(msgspec.Struct, frozen=True):
    """A profile that was not chosen, and why, in one English sentence."""

    name: str
    why: str


class Choice(msgspec.Struct, frozen=True):
    """The profile chosen, why, and why each other one was not."""

    profile: Profile
    reason: str
    reason_fr: str
    refused: tuple[Refusal, ...]


# From most to least telling. A lower rule never outweighs a higher one. Operating system and
# architecture only filter: half the world shares them, so they say nothing for a profile.
_RANKED_RULES = (
    "compatible", "pci_ids", "product_names", "product_vendors", "pci_vendors", "pci_classes",
    "device_types", "cpu_flags", "memory",
)  # fmt: skip


def choose(machine: Machine, profiles: Sequence[Profile]) -> Choice:
    """The best profile for ``machine``; the same whatever the order of ``profiles``.

    Raises ConfigError if every profile is rejected, which the rule-less generic one prevents.
    """
    findings = {profile.name: judge(machine, profile.match) for profile in profiles}
    kept = [profile for profile in profiles if not _rejections(findings[profile.name])]
    if not kept:
        raise ConfigError(
            "No hardware profile fits this machine. Put generic-cpu.toml back in the folder of "
            "profiles."
        )
    best = min(kept, key=lambda profile: _rank(findings[profile.name], profile.name))
    refused = tuple(
        Refusal(profile.name, _why_not(findings[profile.name], best.name))
        for profile in sorted(profiles, key=lambda profile: profile.name)
        if profile is not best
    )
    reason, reason_fr = _why(findings[best.name])
    return Choice(best, reason, reason_fr, refused)


def judge(machine: Machine, rules: MatchRules) -> tuple[Finding, ...]:
    """Every rule that the profile sets, held against the machine."""
    cpu, product = machine.cpu, machine.product
    pci = None if machine.gpus is None else (*machine.gpus, *(machine.npus or ()))
    types = None if machine.devices is None else {device.type for device in machine.devices}
    candidates = (
        _any_of("os", (rules.os,) if rules.os else (), _one(machine.os)),
        _any_of("architectures", rules.architectures, _one(cpu.architecture)),
        _any_of("compatible", rules.compatible, product.compatible),
        _any_of("pci_ids", rules.pci_ids, _each(pci, "pci_id")),
        _any_of("product_names", rules.product_names, _one(product.name, product.board_name)),
        _any_of("product_vendors", rules.product_vendors, _one(product.vendor)),
        _any_of("pci_vendors", rules.pci_vendors, _each(machine.gpus, "vendor_id")),
        _any_of("pci_classes", rules.pci_classes, _each(machine.gpus, "base_class")),
        _any_of("device_types", rules.device_types, types),
        _all_of("cpu_flags", rules.cpu_flags, cpu.flags),
        _memory(rules, machine.memory.total_bytes),
    )
    return tuple(finding for finding in candidates if finding is not None)


def _one(*values: str | None) -> tuple[str, ...] | None:
    return tuple(value for value in values if value is not None) or None


def _each(devices: Iterable[PciDevice] | None, field: str) -> tuple[str, ...] | None:
    if devices is None:
        return None
    return tuple(value for device in devices if (value := getattr(device, field)) is not None)


def _any_of(rule: str, wanted: Iterable[str], found: Iterable[str] | None) -> Finding | None:
    """Names are compared without regard to case: firmware of one maker writes both."""
    names = [name.lower() for name in wanted]
    if not names:
        return None
    if found is None:
        return Finding(rule, Verdict.UNKNOWN, f"{rule} of this machine unknown")
    common = sorted({name.lower() for name in found}.intersection(names))
    if common:
        return Finding(rule, Verdict.MATCHES, f"{rule} {', '.join(common)}")
    have = ", ".join(sorted(found)) or "none"
    return Finding(rule, Verdict.DIFFERS, f"{rule} must be {' or '.join(names)}, here {have}")


def _all_of(rule: str, wanted: Iterable[str], found: Iterable[str] | None) -> Finding | None:
    names = sorted(wanted)
    if not names:
        return None
    if found is None:
        return Finding(rule, Verdict.UNKNOWN, f"{rule} of this machine unknown")
    missing = [name for name in names if name not in found]
    if missing:
        return Finding(rule, Verdict.DIFFERS, f"{rule} lack {', '.join(missing)}")
    return Finding(rule, Verdict.MATCHES, f"{rule} {', '.join(names)}")


def _memory(rules: MatchRules, total_bytes: int | None) -> Finding | None:
    least, most = rules.min_memory_bytes, rules.max_memory_bytes
    if least is None and most is None:
        return None
    if total_bytes is None:
        return Finding("memory", Verdict.UNKNOWN, "memory of this machine unknown")
    detail = f"memory {total_bytes} bytes"
    if (least is not None and total_bytes < least) or (most is not None and total_bytes > most):
        bounds = f"{least or 0} to {most or 'any number of'} bytes"
        return Finding("memory", Verdict.DIFFERS, f"{detail}, must be {bounds}")
    return Finding("memory", Verdict.MATCHES, detail)


def _rejections(findings: Sequence[Finding]) -> list[str]:
    return [finding.detail for finding in findings if finding.verdict is Verdict.DIFFERS]


def _rank(findings: Sequence[Finding], name: str) -> tuple[tuple[int, ...], int, str]:
    """Sort key, best first: matched rules by weight, then fewer unknowns, then the name."""
    matched = {finding.rule for finding in findings if finding.verdict is Verdict.MATCHES}
    num_unknown = sum(finding.verdict is Verdict.UNKNOWN for finding in findings)
    return tuple(0 if rule in matched else 1 for rule in _RANKED_RULES), num_unknown, name


def _why(findings: Sequence[Finding]) -> tuple[str, str]:
    """The reason in English and in French; ids and names of rules are the same in both."""
    matched = [finding.detail for finding in findings if finding.verdict is Verdict.MATCHES]
    unknown = [finding.detail for finding in findings if finding.verdict is Verdict.UNKNOWN]
    doubt = f" ({'; '.join(unknown)})" if unknown else ""
    if not matched:
        return f"it fits every machine{doubt}", f"il convient à toute machine{doubt}"
    found = "; ".join(matched)
    return f"it matches {found}{doubt}", f"il correspond\N{NO-BREAK SPACE}: {found}{doubt}"


def _why_not(findings: Sequence[Finding], best: str) -> str:
    rejections = _rejections(findings)
    if rejections:
        return rejections[0]
    unknown = [finding.detail for finding in findings if finding.verdict is Verdict.UNKNOWN]
    doubt = f" ({'; '.join(unknown)})" if unknown else ""
    return f"{best} describes this machine better{doubt}"
