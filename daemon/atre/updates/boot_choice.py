# SPDX-License-Identifier: Apache-2.0
"""Linux's half of the boot rule: what was decided, and how a decision changes.

Two generations lie on the EFI system partition; the older one is replaced, so that a power cut
leaves the newer one whole. FAT has no journal: what a cut leaves of the replaced file may be
anything, which the rule allows for.
"""

import secrets
from pathlib import Path

from msgspec.structs import replace

from atre.errors import UpdateError, UpdateProblem
from atre.system.durable import write_durably
from atre.system.slot import Slot
from atre.updates.boot_rule import (
    TRIES,
    Choice,
    newest,
    read_choice,
    tries,
    write_choice,
    write_try,
)

_CHOICES = ("choice-0.env", "choice-1.env")
_TRY = "try.env"
_MAX_BYTES = 4096


class BootFiles:
    """The boot files in ``folder``. Reading never fails; writing raises OSError."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self) -> Choice | None:
        """What counts now."""
        return newest((self._bytes(_CHOICES[0]), self._bytes(_CHOICES[1])))

    def tries(self, trial_id: str) -> int | None:
        """How often that trial was started, None if nobody knows."""
        return tries(self._bytes(_TRY), trial_id)

    def write(self, choice: Choice) -> None:
        """Have that choice count from the next start on, under the next generation."""
        self._clear_leftovers()
        blocks = [read_choice(self._bytes(name)) for name in _CHOICES]
        generations = [-1 if each is None else each.generation for each in blocks]
        if choice.trial is not None and self.tries(choice.trial_id) is None:
            # Before the choice: a trial without a record is not started.
            write_durably(self._folder / _TRY, write_try(choice.trial_id))
        name = _CHOICES[generations.index(min(generations))]
        numbered = replace(choice, generation=max(generations) + 1)
        write_durably(self._folder / name, write_choice(numbered))

    def _bytes(self, name: str) -> bytes | None:
        try:
            with (self._folder / name).open("rb") as file:
                return file.read(_MAX_BYTES)
        except OSError:
            return None

    def _clear_leftovers(self) -> None:
        """Remove what a power cut left of an earlier writing."""
        for path in self._folder.glob(".*.env.*"):
            path.unlink(missing_ok=True)


def first_choice(running: Slot) -> Choice:
    """What to go on from where no choice can be read: the running slot is good."""
    return Choice(generation=0, good=running)


def primary(choice: Choice, tried: int | None) -> Slot:
    """The slot that starts next, if everything can be read."""
    if choice.trial is not None and tried is not None and tried < TRIES:
        return choice.trial
    return choice.good


def is_good(choice: Choice, slot: Slot) -> bool:
    """Whether that slot was confirmed, and not written to since."""
    return slot in (choice.good, choice.kept)


def with_primary(choice: Choice, slot: Slot) -> Choice:
    """The choice that starts ``slot`` next: on trial, unless it is the last good one."""
    if slot == choice.good:
        return replace(choice, trial=None, trial_id="")
    return replace(choice, trial=slot, trial_id=secrets.token_hex(4))


def with_good(choice: Choice, slot: Slot, *, running: Slot) -> Choice:
    """The choice that keeps ``slot``. Raises UpdateError for a slot that does not run."""
    if slot != running:
        raise UpdateError(
            f"Slot {slot} does not run, so nothing shows that it is good.",
            f"Le système {slot} n’est pas celui qui tourne\N{NO-BREAK SPACE}: rien ne montre "
            "qu’il est bon.",
            problem=UpdateProblem.UNCONFIRMED,
        )
    if slot == choice.good:
        return with_primary(choice, slot)
    kept = choice.good if choice.trial == slot else None
    return replace(choice, good=slot, trial=None, trial_id="", kept=kept)


def with_bad(choice: Choice, slot: Slot) -> Choice:
    """The choice that never starts ``slot`` by itself. Raises UpdateError for the last good one.

    RAUC says so of a slot before it writes to it: this is what refuses an install until the
    running version is confirmed, whoever asks for it.
    """
    if slot == choice.good:
        raise UpdateError(
            f"Slot {slot} is the last good one: it stays until the other one is confirmed.",
            f"Le système {slot} est le dernier bon\N{NO-BREAK SPACE}: il reste tant que l’autre "
            "n’est pas confirmé.",
            problem=UpdateProblem.UNCONFIRMED,
        )
    is_trial = slot == choice.trial
    return replace(
        choice,
        trial=None if is_trial else choice.trial,
        trial_id="" if is_trial else choice.trial_id,
        kept=None if slot == choice.kept else choice.kept,
    )
