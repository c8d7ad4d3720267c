# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a box's hardware and model, and what to do, in English and French."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec

from atre.hardware.explain import FRENCH_FACTS, describe, unused_flags
from atre.hardware.machine import Memory
from atre.hardware.pmset import MacIssue
from atre.hardware.remedies import words
from atre.hardware.usage import UseCode
from atre.plan.inspection import Inspection
from atre.plan.race.candidates import candidates
from atre.sentence import NOTHING

# Left aside for a good reason, or where nothing can be gained: not a problem.
_FINE = frozenset({
    UseCode.USED, UseCode.PROCESSOR_FASTER, UseCode.OTHER_DEVICE_FASTER, UseCode.DISPLAY_ONLY,
    UseCode.OTHER_DEVICE_CHOSEN, UseCode.PROFILE_KEEPS_PROCESSOR, UseCode.RESERVED,
    UseCode.NPU_NO_DRIVER, UseCode.NPU_NO_NODE, UseCode.NPU_FORBIDDEN, UseCode.NPU_NO_BACKEND,
    UseCode.NPU_NOT_CHOSEN,
})  # fmt: skip
_MIN_FREE_BYTES = 2**30  # logs, conversations and the next update need room


class HealthNote(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to know; a problem is something that somebody should mend."""

    is_problem: bool
    text: str
    text_fr: str
    remedy: str
    remedy_fr: str


def check(
    found: Inspection, data_dir: Path, mac: tuple[MacIssue, ...] = ()
) -> tuple[HealthNote, ...]:
    """Problems first, then advice. ``mac`` is what this Mac's own settings say."""
    notes = [*_model(found), *_devices(found), *_disk(data_dir), *_mac(mac), *_advice(found)]
    return tuple(sorted(notes, key=lambda note: not note.is_problem))


def _model(found: Inspection) -> Iterator[HealthNote]:
    if found.problem != NOTHING:
        yield HealthNote(
            is_problem=True,
            text=f"The model cannot run: {found.problem.text}",
            text_fr=f"Le modèle ne peut pas tourner\N{NO-BREAK SPACE}: {found.problem.text_fr}",
            remedy="Choose another model with --model.",
            remedy_fr="Choisissez un autre modèle avec --model.",
        )


def _devices(found: Inspection) -> Iterator[HealthNote]:
    for use in found.uses:
        if use.code in _FINE:
            continue
        text, place = words(use), describe(use.device)
        place_fr = describe(use.device, FRENCH_FACTS)
        yield HealthNote(
            is_problem=True,
            text=f"{place}: {text.reason}.",
            text_fr=f"{place_fr}\N{NO-BREAK SPACE}: {text.reason_fr}.",
            remedy=f"{text.remedy}.",
            remedy_fr=f"{text.remedy_fr}.",
        )


def _disk(data_dir: Path) -> Iterator[HealthNote]:
    existing = next(place for place in (data_dir, *data_dir.parents) if place.exists())
    free_bytes = shutil.disk_usage(existing).free
    if free_bytes < _MIN_FREE_BYTES:
        size = f"{free_bytes / 2**20:.0f}"
        yield HealthNote(
            is_problem=True,
            text=f"Only {size} MiB are free where the box keeps its data ({existing}).",
            text_fr=f"Il ne reste que {size} Mio là où le boîtier garde ses données ({existing}).",
            remedy="Free some space, or choose another place with --data-dir.",
            remedy_fr="Libérez de la place, ou choisissez un autre endroit avec --data-dir.",
        )


def _mac(issues: tuple[MacIssue, ...]) -> Iterator[HealthNote]:
    for issue in issues:
        yield HealthNote(
            is_problem=True,
            text=issue.said.text,
            text_fr=issue.said.text_fr,
            remedy=issue.remedy.text,
            remedy_fr=issue.remedy.text_fr,
        )


def _advice(found: Inspection) -> Iterator[HealthNote]:
    machine = found.machine
    flags = unused_flags(machine)
    if flags:
        yield _note(
            f"llama.cpp was compiled without {', '.join(flags)}, which this processor has.",
            f"llama.cpp a été compilé sans {', '.join(flags)}, que ce processeur possède.",
            "Compile llama-cpp-python on this machine to gain speed.",
            "Compilez llama-cpp-python sur cette machine pour gagner en vitesse.",
        )
    if len(candidates(machine)) > 1 and found.verdict is None:
        yield _note(
            "Processor and GPUs were not yet compared with this model.",
            "Processeur et GPU n’ont pas encore été comparés avec ce modèle.",
            "Start the box, which does it once, or run `atre detect --race`.",
            "Démarrez le boîtier, qui le fait une fois, ou lancez `atre detect --race`.",
        )
    yield from _memory(machine.memory)
    for issue in machine.issues:
        yield _note(
            f"{issue.source} could not be read: {issue.detail}.",
            f"{issue.source} n’a pas pu être lu\N{NO-BREAK SPACE}: {issue.detail}.",
            "If something is missing above, send the file of `atre doctor --bundle FILE`.",
            "S’il manque quelque chose, envoyez le fichier de `atre doctor --bundle FICHIER`.",
        )
    if found.plan:
        for text, text_fr in zip(found.plan.issues, found.plan.issues_fr, strict=True):
            yield _note(text, text_fr, "", "")


def _memory(memory: Memory) -> Iterator[HealthNote]:
    total, limit = memory.total_bytes, memory.limit_bytes
    if total is not None and limit is not None and limit < total:
        size, of = f"{limit / 2**30:.1f}", f"{total / 2**30:.1f}"
        size_fr, of_fr = size.replace(".", ","), of.replace(".", ",")
        yield _note(
            f"This process may use {size} of {of} GiB of memory.",
            f"Ce processus peut utiliser {size_fr} Gio de mémoire sur {of_fr}.",
            "Raise the limit of the container or service to run larger models.",
            "Relevez la limite du conteneur ou du service pour de plus grands modèles.",
        )


def _note(text: str, text_fr: str, remedy: str, remedy_fr: str) -> HealthNote:
    return HealthNote(
        is_problem=False, text=text, text_fr=text_fr, remedy=remedy, remedy_fr=remedy_fr
    )
