# SPDX-License-Identifier: Apache-2.0
"""Which profile fits a machine: a total order in which the specific beats the generic."""

from collections.abc import Iterable, Sequence
from enum import Enum

import msgspec

from atre.errors import ConfigError
from atre.hardware.machine import DeviceType, GgmlDevice, Machine, PciDevice
from atre.hardware.profiles import MatchRules, Profile


class Verdict(Enum):
    """What one rule says of one machine; UNKNOWN neither recommends nor rejects."""

    MATCHES = "matches"
    DIFFERS = "differs"
    UNKNOWN = "unknown"


class Finding(msgspec.Struct, frozen=True):
    """One rule held against one machine; ``detail`` says what was wanted and found.

    ``grade`` of a match tells what it was about: a card is worth more than an integrated GPU, and
    that more than anything else.
    """

    rule: str
    verdict: Verdict
    detail: str
    detail_fr: str
    grade: int = 0


class Refusal(msgspec.Struct, frozen=True):
    """A profile that was not chosen, and why, in one sentence."""

    name: str
    why: str
    why_fr: str


class Choice(msgspec.Struct, frozen=True):
    """The profile chosen, why, and why each other one was not."""

    profile: Profile
    reason: str
    reason_fr: str
    refused: tuple[Refusal, ...]


_AMD = "1002"  # the only vendor whose GPUs have a gfx target
_CARD, _INTEGRATED, _OTHER, _NO_MATCH = range(4)
_GRADES = {DeviceType.GPU: _CARD, DeviceType.IGPU: _INTEGRATED}
# From most to least telling. A lower rule never outweighs a higher one. Operating system and
# architecture only filter: half the world shares them, so they say nothing for a profile.
_RANKED_RULES = (
    "compatible", "pci_ids", "gfx", "product_names", "product_vendors", "pci_vendors",
    "pci_classes", "device_types", "cpu_flags", "memory",
)  # fmt: skip

_IDENTIFYING = frozenset(_RANKED_RULES) - {"memory"}


def choose(machine: Machine, profiles: Sequence[Profile]) -> Choice:
    """The best profile for ``machine``; the same whatever the order of ``profiles``.

    Raises ConfigError if every profile is rejected, which the rule-less generic one prevents.
    """
    findings = {profile.name: judge(machine, profile.match) for profile in profiles}
    kept = [profile for profile in profiles if not _rejections(findings[profile.name])]
    if not kept:
        raise ConfigError(
            "No hardware profile fits this machine. Put generic-cpu.toml back in the folder of "
            "profiles.",
            "Aucun profil de matériel ne convient à cette machine. Remettez generic-cpu.toml dans "
            "le dossier des profils.",
        )
    best = min(kept, key=lambda profile: _rank(findings[profile.name], profile.name))
    refused = tuple(
        Refusal(profile.name, *_why_not(findings[profile.name], best.name))
        for profile in sorted(profiles, key=lambda profile: profile.name)
        if profile is not best
    )
    reason, reason_fr = _why(findings[best.name])
    return Choice(best, reason, reason_fr, refused)


def judge(machine: Machine, rules: MatchRules) -> tuple[Finding, ...]:
    """Every rule that the profile sets, held against the machine."""
    cpu, product = machine.cpu, machine.product
    gpus = _graded(machine.gpus)
    pci = None if gpus is None else gpus + [(npu, _OTHER) for npu in machine.npus or ()]
    candidates = (
        _any_of("os", (rules.os,) if rules.os else (), _one(machine.os)),
        _any_of("architectures", rules.architectures, _one(cpu.architecture)),
        _any_of("compatible", rules.compatible, product.compatible),
        _pci("pci_ids", rules.pci_ids, pci),
        _gfx(rules.gfx, gpus),
        _any_of("product_names", rules.product_names, _one(product.name, product.board_name)),
        _any_of("product_vendors", rules.product_vendors, _one(product.vendor)),
        _pci("pci_vendors", rules.pci_vendors, gpus),
        _pci("pci_classes", rules.pci_classes, gpus),
        _device_types(rules.device_types, machine.devices),
        _all_of("cpu_flags", rules.cpu_flags, cpu.flags),
        _memory(rules, machine.memory.total_bytes),
    )
    return tuple(finding for finding in candidates if finding is not None)


_Graded = Sequence[tuple[PciDevice, int]]
_PCI_FIELDS = {"pci_ids": "pci_id", "pci_vendors": "vendor_id", "pci_classes": "base_class"}


def _graded(gpus: Iterable[PciDevice] | None) -> list[tuple[PciDevice, int]] | None:
    if gpus is None:
        return None
    return [(gpu, _INTEGRATED if gpu.integrated else _CARD) for gpu in gpus]


def _pci(rule: str, wanted: Iterable[str], devices: _Graded | None) -> Finding | None:
    if devices is None:
        return _any_of(rule, wanted, None)
    field = _PCI_FIELDS[rule]
    grades = [(getattr(device, field), grade) for device, grade in devices]
    return _graded_any_of(rule, wanted, [(name, grade) for name, grade in grades if name])


def _gfx(wanted: Iterable[str], gpus: _Graded | None) -> Finding | None:
    """Only AMD's GPUs have such a target; one that does not tell it may have the wanted one."""
    if gpus is None:
        return _any_of("gfx", wanted, None)
    targets = [(gpu.gfx, grade) for gpu, grade in gpus if gpu.vendor_id == _AMD]
    finding = _graded_any_of("gfx", wanted, [(name, grade) for name, grade in targets if name])
    if finding and finding.verdict is Verdict.DIFFERS and any(not name for name, _ in targets):
        return _any_of("gfx", wanted, None)
    return finding


def _device_types(
    wanted: Iterable[DeviceType], devices: Iterable[GgmlDevice] | None
) -> Finding | None:
    if devices is None:
        return _any_of("device_types", wanted, None)
    types = [
        (device.type.value, _GRADES.get(device.type, _OTHER))
        for device in devices
        if not device.is_software
    ]
    return _graded_any_of("device_types", wanted, types)


def _graded_any_of(
    rule: str, wanted: Iterable[str], found: Sequence[tuple[str, int]]
) -> Finding | None:
    finding = _any_of(rule, wanted, {name for name, _ in found})
    if finding is None or finding.verdict is not Verdict.MATCHES:
        return finding
    names = {name.lower() for name in wanted}
    best = min(grade for name, grade in found if name.lower() in names)
    return msgspec.structs.replace(finding, grade=best)


def _one(*values: str | None) -> tuple[str, ...] | None:
    return tuple(value for value in values if value is not None) or None


def _any_of(rule: str, wanted: Iterable[str], found: Iterable[str] | None) -> Finding | None:
    """Names are compared without regard to case: firmware of one maker writes both."""
    names = [name.lower() for name in wanted]
    if not names:
        return None
    if found is None:
        return _unknown(rule)
    common = sorted({name.lower() for name in found}.intersection(names))
    if common:
        return _matching(rule, f"{rule} {', '.join(common)}")
    have = ", ".join(sorted(found))
    return Finding(
        rule,
        Verdict.DIFFERS,
        f"{rule} must be {' or '.join(names)}, here {have or 'none'}",
        f"{rule} doit valoir {' ou '.join(names)}, ici {have or 'rien'}",
    )


def _unknown(rule: str) -> Finding:
    return Finding(
        rule,
        Verdict.UNKNOWN,
        f"{rule} of this machine unknown",
        f"{rule} de cette machine inconnu",
    )


def _matching(rule: str, detail: str) -> Finding:
    """Ids and names of rules are the same in both languages."""
    return Finding(rule, Verdict.MATCHES, detail, detail)


def _all_of(rule: str, wanted: Iterable[str], found: Iterable[str] | None) -> Finding | None:
    names = sorted(wanted)
    if not names:
        return None
    if found is None:
        return _unknown(rule)
    missing = [name for name in names if name not in found]
    if missing:
        listed = ", ".join(missing)
        return Finding(
            rule, Verdict.DIFFERS, f"{rule} lack {listed}", f"il manque {listed} à {rule}"
        )
    return _matching(rule, f"{rule} {', '.join(names)}")


def _memory(rules: MatchRules, total_bytes: int | None) -> Finding | None:
    least, most = rules.min_memory_bytes, rules.max_memory_bytes
    if least is None and most is None:
        return None
    if total_bytes is None:
        return _unknown("memory")
    detail, detail_fr = f"memory {total_bytes} bytes", f"memory {total_bytes} octets"
    if (least is not None and total_bytes < least) or (most is not None and total_bytes > most):
        bounds = f"{least or 0} to {most or 'any number of'} bytes"
        bounds_fr = f"au moins {least or 0} octets" + (f", au plus {most}" if most else "")
        return Finding(
            "memory",
            Verdict.DIFFERS,
            f"{detail}, must be {bounds}",
            f"{detail_fr}, il faut {bounds_fr}",
        )
    return Finding("memory", Verdict.MATCHES, detail, detail_fr)


def _rejections(findings: Sequence[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.verdict is Verdict.DIFFERS]


def _rank(findings: Sequence[Finding], name: str) -> tuple[bool, tuple[int, ...], int, str]:
    """Sort key, best first: for a card that can be used; matches by weight; fewer unknowns; name.

    Without the first, the exact id of a processor's GPU would keep a card that has no profile of
    its own from being used.
    """
    grades = {each.rule: each.grade for each in findings if each.verdict is Verdict.MATCHES}
    num_unknown = sum(finding.verdict is Verdict.UNKNOWN for finding in findings)
    if num_unknown and not grades.keys() & _IDENTIFYING:
        grades.pop("memory", None)  # half the world has as much: it tells variants apart, no more
    return (
        grades.get("device_types") != _CARD,
        tuple(grades.get(rule, _NO_MATCH) for rule in _RANKED_RULES),
        num_unknown,
        name,
    )


def _why(findings: Sequence[Finding]) -> tuple[str, str]:
    """The reason in English and in French."""
    matched = [finding for finding in findings if finding.verdict is Verdict.MATCHES]
    doubt, doubt_fr = _doubt(findings)
    if not matched:
        return f"it fits every machine{doubt}", f"il convient à toute machine{doubt_fr}"
    found, found_fr = _both(matched)
    return (
        f"it matches {found}{doubt}",
        f"il correspond\N{NO-BREAK SPACE}: {found_fr}{doubt_fr}",
    )


def _why_not(findings: Sequence[Finding], best: str) -> tuple[str, str]:
    rejections = _rejections(findings)
    if rejections:
        return rejections[0].detail, rejections[0].detail_fr
    doubt, doubt_fr = _doubt(findings)
    return (
        f"{best} describes this machine better{doubt}",
        f"{best} décrit mieux cette machine{doubt_fr}",
    )


def _doubt(findings: Sequence[Finding]) -> tuple[str, str]:
    unknown = [finding for finding in findings if finding.verdict is Verdict.UNKNOWN]
    if not unknown:
        return "", ""
    text, text_fr = _both(unknown)
    return f" ({text})", f" ({text_fr})"


def _both(findings: Sequence[Finding]) -> tuple[str, str]:
    return (
        "; ".join(finding.detail for finding in findings),
        "\N{NO-BREAK SPACE}; ".join(finding.detail_fr for finding in findings),
    )
