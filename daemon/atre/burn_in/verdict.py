# SPDX-License-Identifier: Apache-2.0
"""Whether a unit may be delivered, from what was found alone. Pure."""

from collections.abc import Iterator

from atre.burn_in.findings import Findings, Remark
from atre.burn_in.results import (
    DiskResult,
    MemoryResult,
    PowerResult,
    Smart,
    SoakResult,
    ThermalResult,
)
from atre.sentence import Sentence

_NBSP = "\N{NO-BREAK SPACE}"
_GRADES = ("fault", "doubt", "note")
# The system and what runs beside keep some; with less, too much of the memory went unseen.
_ENOUGH_MEMORY = 0.5
# An eMMC writes this fast, and a model of 4 GB is loaded from one in half a minute.
_SLOW_BYTES_S = 50e6
_WORN_PERCENT, _WORN_OUT_PERCENT = 10, 80  # a new drive has no wear; one at 80 dies in service
# Answers of one length differ by some per cent; a tenth is seen by people, a quarter is no cooling.
_SLOWER, _MUCH_SLOWER = 0.10, 0.25
_NEAR_LIMIT_C = 5.0


def judge(found: Findings, cuts: int = 0) -> tuple[Remark, ...]:
    """Every remark, the gravest first; without a fault the unit has passed.

    ``cuts`` counts earlier tests of this unit that nobody ended.
    """
    remarks = [
        *_cuts(cuts),
        *_memory(found.memory),
        *_disk(found.disk),
        *_soak(found.soak, found.no_soak),
        *_thermals(found.thermals),
        *_power(found.power),
    ]
    return tuple(sorted(remarks, key=lambda remark: _GRADES.index(remark.grade)))


def has_passed(remarks: tuple[Remark, ...]) -> bool:
    """Whether there is no fault among the remarks."""
    return all(remark.grade != "fault" for remark in remarks)


def _cuts(cuts: int) -> Iterator[Remark]:
    if cuts:
        yield Remark(
            code="test_cut",
            grade="doubt",
            said=Sentence(
                f"Earlier tests of this unit were cut off, {cuts} in number. If nobody pulled the "
                "plug, look at the power adapter, the fan and the memory.",
                f"Des essais précédents ont été coupés, au nombre de {cuts}. Si personne n’a "
                "débranché le boîtier, regardez l’alimentation, le ventilateur et la mémoire.",
            ),
        )


def _memory(found: MemoryResult) -> Iterator[Remark]:
    if found.wrong_words:
        yield Remark(
            code="memory_wrong",
            grade="fault",
            said=Sentence(
                f"Memory did not keep {found.wrong_words} words ({found.first_wrong}). Replace the "
                "memory modules, then test again.",
                f"La mémoire n’a pas gardé {found.wrong_words} mots ({found.first_wrong}). "
                "Remplacez les barrettes de mémoire, puis refaites l’essai.",
            ),
        )
    if found.tested_bytes < _ENOUGH_MEMORY * found.total_bytes:
        share = round(100 * found.tested_bytes / found.total_bytes)
        yield Remark(
            code="memory_part",
            grade="doubt",
            said=Sentence(
                f"Only {share} % of the memory was free to be tested. Stop other programs, or use "
                "memtest86+ before the system starts.",
                f"Seuls {share}{_NBSP}% de la mémoire étaient libres pour l’essai. Arrêtez les "
                "autres programmes, ou lancez memtest86+ avant le système.",
            ),
        )


def _disk(found: DiskResult) -> Iterator[Remark]:
    if found.problem:
        yield Remark(
            code="disk_failed",
            grade="fault",
            said=Sentence(
                f"The disk could not be written and read to the end ({found.problem}). Check its "
                "cable and its free space, or replace it.",
                f"Le disque n’a pas pu être écrit et relu jusqu’au bout ({found.problem}). "
                "Vérifiez son câble et sa place libre, ou remplacez-le.",
            ),
        )
    if found.wrong_pieces:
        yield Remark(
            code="disk_wrong",
            grade="fault",
            said=Sentence(
                f"The disk gave back {found.wrong_pieces} pieces otherwise than they were written. "
                "Replace it.",
                f"Le disque a rendu {found.wrong_pieces} morceaux autrement qu’ils n’ont été "
                "écrits. Remplacez-le.",
            ),
        )
    if found.write_bytes_s is not None and found.write_bytes_s < _SLOW_BYTES_S:
        rate = f"{found.write_bytes_s / 1e6:.0f}"
        yield Remark(
            code="disk_slow",
            grade="doubt",
            said=Sentence(
                f"The disk writes {rate} MB a second; an SSD writes several hundred. Check that it "
                "is the one that was ordered.",
                f"Le disque écrit {rate} Mo par seconde{_NBSP}; un SSD en écrit plusieurs "
                "centaines. Vérifiez que c’est bien celui qui a été commandé.",
            ),
        )
    yield from _smart(found.smart)


def _smart(smart: Smart | None) -> Iterator[Remark]:
    if smart is None:
        yield Remark(
            code="smart_unknown",
            grade="note",
            said=Sentence(
                "What the drive says of its own health could not be read: that needs root and "
                "smartmontools, and a drive that tells it.",
                f"Ce que le disque dit de sa propre santé n’a pas pu être lu{_NBSP}: il faut root, "
                "smartmontools et un disque qui le dise.",
            ),
        )
        return
    if smart.asked_min_ago:
        yield Remark(
            code="smart_earlier",
            grade="note",
            said=Sentence(
                f"The drive was asked of its health {smart.asked_min_ago} min before the end of "
                "the disk's test.",
                f"La santé du disque a été demandée {smart.asked_min_ago}{_NBSP}min avant la fin "
                "de l’essai du disque.",
            ),
        )
    wear, errors = smart.wear_percent or 0, smart.media_errors or 0
    if smart.is_passed is False or errors or wear >= _WORN_OUT_PERCENT:
        yield Remark(
            code="smart_failing",
            grade="fault",
            said=Sentence(
                f"The drive says that it is failing (wear {wear} %, {errors} bad sectors). Replace "
                "it.",
                f"Le disque annonce sa panne (usure {wear}{_NBSP}%, {errors} secteurs défectueux). "
                "Remplacez-le.",
            ),
        )
    elif wear >= _WORN_PERCENT:
        yield Remark(
            code="smart_worn",
            grade="doubt",
            said=Sentence(
                f"The drive is not new: {wear} % of its writes are used up.",
                f"Le disque n’est pas neuf{_NBSP}: {wear}{_NBSP}% de ses écritures sont usées.",
            ),
        )


def _soak(found: SoakResult | None, no_soak: str) -> Iterator[Remark]:
    if found is None or found.problem:
        why = no_soak if found is None else found.problem
        yield Remark(
            code="engine_failed",
            grade="fault",
            said=Sentence(
                f"The engine did not hold ({why}). Look at `atre doctor`, then test again.",
                f"Le moteur n’a pas tenu ({why}). Regardez `atre doctor`, puis refaites l’essai.",
            ),
        )
        return
    first, last = found.first_tokens_s, found.last_tokens_s
    if first is None or last is None:
        yield Remark(
            code="engine_short",
            grade="doubt",
            said=Sentence(
                "The engine wrote too few answers to see whether it grows slower. Test for longer, "
                "with --minutes.",
                "Le moteur a écrit trop peu de réponses pour voir s’il ralentit. Essayez plus "
                "longtemps, avec --minutes.",
            ),
        )
        return
    loss = 1 - last / first
    if loss > _SLOWER and not found.is_disturbed:
        yield Remark(
            code="engine_slower",
            grade="fault" if loss > _MUCH_SLOWER else "doubt",
            said=Sentence(
                f"The engine grew {100 * loss:.0f} % slower, from {first:.1f} to {last:.1f} tokens "
                "a second. Look at the fan, the vents and the power adapter.",
                f"Le moteur a ralenti de {100 * loss:.0f}{_NBSP}%, de {_fr(first)} à {_fr(last)} "
                "jetons par seconde. Regardez le ventilateur, les ouïes et l’alimentation.",
            ),
        )
    if found.is_disturbed:
        yield Remark(
            code="engine_disturbed",
            grade="doubt",
            said=Sentence(
                "Other programs wanted the processor too, so the engine's speed says little. Stop "
                "the box, then test again.",
                f"D’autres programmes voulaient aussi le processeur{_NBSP}: la vitesse du moteur "
                "dit peu de chose. Arrêtez le boîtier, puis refaites l’essai.",
            ),
        )


def _thermals(found: ThermalResult) -> Iterator[Remark]:
    if not found.peaks:
        yield Remark(
            code="heat_unknown",
            grade="note",
            said=Sentence(
                "The machine tells no temperature.", "La machine ne donne aucune température."
            ),
        )
    for peak in found.peaks:
        if peak.limit_c is not None and peak.max_c > peak.limit_c - _NEAR_LIMIT_C:
            is_past = peak.max_c >= peak.limit_c
            yield Remark(
                code="heat_limit" if is_past else "heat_near",
                grade="fault" if is_past else "doubt",
                said=Sentence(
                    f"{peak.sensor} reached {peak.max_c:.0f} °C; its limit is {peak.limit_c:.0f} "
                    "°C. Look at the fan and the vents.",
                    f"{peak.sensor} a atteint {peak.max_c:.0f}{_NBSP}°C{_NBSP}; sa limite est de "
                    f"{peak.limit_c:.0f}{_NBSP}°C. Regardez le ventilateur et les ouïes.",
                ),
            )
    if found.throttled:
        yield Remark(
            code="heat_throttled",
            grade="doubt",
            said=Sentence(
                f"The processor slowed itself down {found.throttled} times for heat. Look at the "
                "fan and the vents.",
                f"Le processeur s’est ralenti {found.throttled} fois à cause de la chaleur. "
                "Regardez le ventilateur et les ouïes.",
            ),
        )


def _power(found: PowerResult) -> Iterator[Remark]:
    if found.mean_w is None:
        yield Remark(
            code="power_unknown",
            grade="note",
            said=Sentence(
                "The machine does not tell what it takes; the counters of the processor need root.",
                f"La machine ne dit pas ce qu’elle consomme{_NBSP}; les compteurs du processeur "
                "demandent root.",
            ),
        )


def _fr(number: float) -> str:
    return f"{number:.1f}".replace(".", ",")
