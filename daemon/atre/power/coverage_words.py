# SPDX-License-Identifier: Apache-2.0
"""What a figure of the machine's power covers, for the person who reads it."""

from collections.abc import Sequence

from atre.power.reading import Basis, Reading, Scope
from atre.sentence import Sentence

_NEVER_METERED = (
    "the disks, fans, power supply losses",
    "les disques, ventilateurs, pertes de l’alimentation",
)


def covers(chosen: Sequence[Reading], readings: Sequence[Reading]) -> Sentence:
    """``chosen`` are those of ``readings`` that are added; at least one."""
    scope = chosen[0].scope
    if scope is Scope.WALL:
        return _wall(chosen)
    if scope is Scope.PLATFORM:
        return Sentence(
            "the whole machine behind its power supply; not the power supply’s losses",
            "toute la machine derrière son alimentation ; pas les pertes de l’alimentation",
        )
    return _parts(chosen, readings)


def nothing_known(readings: Sequence[Reading]) -> Sentence:
    """Why there is no figure: the first source's own reason, where one has said it."""
    for reading in readings:
        if reading.reason is not None:
            return reading.reason
    return Sentence(
        "This machine has no meter that Âtre can read. A metering plug (Shelly or Tasmota) on the "
        "local network would show what it takes.",
        "Cette machine n’a aucun compteur qu’Âtre puisse lire. Une prise de mesure (Shelly ou "
        "Tasmota) sur le réseau local montrerait ce qu’elle consomme.",
    )


def _wall(chosen: Sequence[Reading]) -> Sentence:
    if chosen[0].basis is Basis.PLUG:
        if len(chosen) > 1:
            return Sentence(
                "everything that hangs on the metering plugs",
                "tout ce qui est branché aux prises de mesure",
            )
        return Sentence(
            "everything that hangs on the metering plug",
            "tout ce qui est branché à la prise de mesure",
        )
    return Sentence(
        "everything that hangs on the UPS, this machine or not",
        "tout ce qui est branché à l’onduleur, cette machine ou non",
    )


def _parts(chosen: Sequence[Reading], readings: Sequence[Reading]) -> Sentence:
    packages = [reading for reading in chosen if reading.scope is Scope.PACKAGE]
    cards = [reading for reading in chosen if reading.scope is Scope.CARD]
    silent_cards = sum(reading.scope is Scope.CARD for reading in readings) - len(cards)
    told: list[tuple[str, str]] = []
    left_out: list[tuple[str, str]] = []
    (told if packages else left_out).append(_processors(len(packages)))
    if cards:
        told.append(_cards(len(cards)))
    if silent_cards:
        left_out.append(_cards(silent_cards, other=bool(cards)))
    left_out.append(_NEVER_METERED)
    return Sentence(
        f"{' and '.join(text for text, _ in told)}; not {', '.join(text for text, _ in left_out)}",
        f"{' et '.join(text for _, text in told)} ; pas {', '.join(text for _, text in left_out)}",
    )


def _processors(count: int) -> tuple[str, str]:
    return (
        ("the processors", "les processeurs") if count > 1 else ("the processor", "le processeur")
    )


def _cards(count: int, *, other: bool = False) -> tuple[str, str]:
    if other:
        return (
            ("the other graphics cards", "les autres cartes graphiques")
            if count > 1
            else ("the other graphics card", "l’autre carte graphique")
        )
    if count > 1:
        return "the graphics cards", "les cartes graphiques"
    return "the graphics card", "la carte graphique"
