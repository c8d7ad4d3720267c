# SPDX-License-Identifier: Apache-2.0
"""Figures of power as a person reads them; what is unknown is —."""

from atre.ipc.cap_messages import CapKind, CapState
from atre.ipc.eco_messages import EcoReport
from atre.ipc.power_basis import Basis
from atre.ipc.power_messages import PowerBucket, PowerDescription, Supply, UpsReport

UNKNOWN = "—"
_J_PER_KWH = 3.6e6
_SYMBOLS = {"EUR": "€", "USD": "US$", "CAD": "CA$"}
_SYMBOLS_FR = {"EUR": "€", "USD": "$\N{NO-BREAK SPACE}US", "CAD": "$\N{NO-BREAK SPACE}CA"}
_BASES = {
    Basis.PLUG: ("plug", "prise"),
    Basis.COUNTER: ("counter", "compteur"),
    Basis.SENSOR: ("sensor", "capteur"),
    Basis.ESTIMATE: ("estimate", "estimation"),
    Basis.UNKNOWN: ("unknown", "inconnu"),
}

_CAPS = {
    CapKind.PROCESSOR: ("Processor power", "Puissance du processeur"),
    CapKind.CARD: ("Graphics card power", "Puissance de la carte graphique"),
    CapKind.PREFERENCE: ("Processor preference", "Préférence du processeur"),
}
_SUPPLIES = {
    Supply.MAINS: ("on mains", "sur le secteur"),
    Supply.BATTERY: ("on battery, begins no answers", "sur batterie, ne commence plus de réponse"),
    Supply.ENDING: (
        "battery almost empty, answers no more",
        "batterie presque vide, ne répond plus",
    ),
    Supply.UNKNOWN: ("unknown", "inconnu"),
}


def basis(known: Basis, *, french: bool) -> str:
    """How a figure is known, in one word."""
    return _BASES[known][french]


def number(value: float, digits: int, *, french: bool) -> str:
    """A number with the reader's decimal mark."""
    written = f"{value:.{digits}f}"
    return written.replace(".", ",") if french else written


def watts(value: float | None, *, french: bool) -> str:
    """Power now."""
    if value is None:
        return UNKNOWN
    return f"{number(value, 1, french=french)}\N{NO-BREAK SPACE}W"


def energy(bucket: PowerBucket, *, french: bool) -> str:
    """Kilowatt-hours, and the part of them that the machine takes at rest."""
    if bucket.energy_j is None:
        return UNKNOWN
    written = f"{number(bucket.energy_j / _J_PER_KWH, 3, french=french)}\N{NO-BREAK SPACE}kWh"
    if bucket.idle_j is None or not bucket.energy_j:
        return written
    percent = f"{100 * bucket.idle_j / bucket.energy_j:.0f}"
    if french:
        return f"{written}, dont {percent}\N{NO-BREAK SPACE}% au repos"
    return f"{written}, {percent}% of it at rest"


def known_part(bucket: PowerBucket, *, french: bool) -> str:
    """How much of the time that the box ran has a figure."""
    if not bucket.expected_s:
        return UNKNOWN
    percent = f"{100 * bucket.covered_s / bucket.expected_s:.0f}"
    return f"{percent}\N{NO-BREAK SPACE}%" if french else f"{percent}%"


def cost(bucket: PowerBucket, described: PowerDescription, *, french: bool) -> str:
    """Money in the tariff's currency."""
    if bucket.cost is None or described.currency is None:
        return UNKNOWN
    written = number(bucket.cost, 2, french=french)
    if french:
        return f"{written}\N{NO-BREAK SPACE}{_SYMBOLS_FR[described.currency]}"
    return f"{_SYMBOLS[described.currency]}{written}"


def co2(bucket: PowerBucket, *, french: bool) -> str:
    """Grams of CO₂."""
    if bucket.co2_g is None:
        return UNKNOWN
    return f"{number(bucket.co2_g, 0, french=french)}\N{NO-BREAK SPACE}g"


def ups(told: UpsReport, *, french: bool) -> str:
    """The UPS in one line."""
    minutes = UNKNOWN if told.runtime_s is None else f"{told.runtime_s // 60:.0f}"
    parts = [
        f"{'Onduleur' if french else 'UPS'} {told.name}".strip(),
        _SUPPLIES[told.supply][french],
        f"{'charge' if french else 'charged'} {_percent(told.charge, french=french)}",
        f"{minutes} min",
        f"{'utilisé à' if french else 'load'} {_percent(told.load, french=french)}",
    ]
    if told.needs_battery:
        parts.append("batterie à remplacer" if french else "battery to be replaced")
    line = ", ".join(parts)
    return f"{line}. {told.problem.spoken(french=french)}" if told.problem else f"{line}."


def eco(told: EcoReport, *, french: bool) -> str:
    """Eco mode in one line."""
    if not told.is_on:
        return "Mode éco\N{NO-BREAK SPACE}: ne joue pas." if french else "Eco mode: not in force."
    threads = UNKNOWN if told.threads is None else str(told.threads)
    most = UNKNOWN if told.max_threads is None else str(told.max_threads)
    if french:
        return f"Mode éco\N{NO-BREAK SPACE}: en marche, {threads} des {most} fils d’exécution."
    return f"Eco mode: on, {threads} of {most} threads."


def cap(state: CapState, *, french: bool) -> str:
    """One power cap in one line."""
    name = f"{_CAPS[state.kind][french]} ({state.name})"
    if french:
        name = f"{name}\N{NO-BREAK SPACE}"
    return f"{name}: {_cap_state(state, french=french)}"


def _cap_state(state: CapState, *, french: bool) -> str:
    if state.reason is not None:
        reason = state.reason.spoken(french=french)
        return (
            f"pas plafonnée\N{NO-BREAK SPACE}: {reason}"
            if french
            else f"cannot be capped: {reason}"
        )
    if state.kind is CapKind.PREFERENCE:
        is_held = state.before is not None
        if french:
            return "réglée sur l’économie." if is_held else "laissée comme elle est."
        return "set to save power." if is_held else "left as it is."
    now, before = watts(state.now, french=french), watts(state.before, french=french)
    if state.before is None:
        return f"pas plafonnée, {now}." if french else f"not capped, {now}."
    if french:
        return f"plafonnée à {now}, {before} sans le mode éco."
    return f"capped at {now}, {before} without eco mode."


def _percent(fraction: float | None, *, french: bool) -> str:
    if fraction is None:
        return UNKNOWN
    return f"{100 * fraction:.0f}\N{NO-BREAK SPACE}%" if french else f"{100 * fraction:.0f}%"
