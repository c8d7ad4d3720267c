# SPDX-License-Identifier: Apache-2.0
"""``atre-boot-choice``: RAUC's handler for our boot rule, ``bootloader=custom``.

RAUC starts it as root with one of its five verbs, and reads one word from standard output:
https://rauc.readthedocs.io/en/latest/integration.html#custom-bootloader-backend-interface
"""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from atre.errors import UpdateError
from atre.system.slot import KERNEL_COMMAND_LINE, Slot, read_started
from atre.updates.boot_choice import (
    BootFiles,
    first_choice,
    is_good,
    primary,
    with_bad,
    with_good,
    with_primary,
)
from atre.updates.boot_rule import SLOTS, Choice

# Where the EFI system partition is mounted when somebody looks (systemd-gpt-auto-generator(8)).
_FOLDER = Path("/efi/atre")
_USAGE = (
    "usage: atre-boot-choice get-primary | get-current | get-state SLOT | set-primary SLOT | "
    "set-state SLOT good|bad, SLOT being a or b"
)


def main() -> None:
    """Carry out a verb; paths other than the box's come from the environment, for tests."""
    folder = Path(os.environ.get("ATRE_BOOT_DIR", _FOLDER))
    command_line = Path(os.environ.get("ATRE_COMMAND_LINE", KERNEL_COMMAND_LINE))
    try:
        said = answer(sys.argv[1:], folder, command_line)
    except UpdateError as error:
        sys.exit(f"Error: {error}")
    except OSError as error:
        sys.exit(f"Error: the EFI system partition cannot be written: {error}.")
    if said is None:
        sys.stderr.write(f"{_USAGE}\n")
        sys.exit(2)
    if said:
        sys.stdout.write(f"{said}\n")


def answer(words: Sequence[str], folder: Path, command_line: Path) -> str | None:
    """What a verb says, "" where it only acts; None for what is no verb.

    Raises UpdateError for what the rule forbids or a machine without slots, and OSError.
    """
    match words:
        case ["get-current"]:
            return _running(command_line)
        case ["get-primary"]:
            files = BootFiles(folder)
            choice = _choice(files, command_line)
            return primary(choice, files.tries(choice.trial_id))
        case ["get-state", slot] if slot in SLOTS:
            choice = _choice(BootFiles(folder), command_line)
            return "good" if is_good(choice, _slot(slot)) else "bad"
        case [verb, slot, *more] if slot in SLOTS:
            change = _changes(verb, _slot(slot), more, command_line)
            return None if change is None else _change(folder, command_line, change)
        case _:
            return None


def _changes(
    verb: str, slot: Slot, more: Sequence[str], command_line: Path
) -> Callable[[Choice], Choice] | None:
    match [verb, *more]:
        case ["set-primary"]:
            return lambda old: with_primary(old, slot)
        case ["set-state", "good"]:
            running = _running(command_line)
            return lambda old: with_good(old, slot, running=running)
        case ["set-state", "bad"]:
            return lambda old: with_bad(old, slot)
        case _:
            return None


def _change(folder: Path, command_line: Path, change: Callable[[Choice], Choice]) -> str:
    files = BootFiles(folder)
    old = files.read()
    new = change(old or first_choice(_running(command_line)))
    if new != old:
        files.write(new)
    return ""


def _choice(files: BootFiles, command_line: Path) -> Choice:
    return files.read() or first_choice(_running(command_line))


def _running(command_line: Path) -> Slot:
    started = read_started(command_line)
    if started is None:
        raise UpdateError(
            "This system was not started from a slot: atre.slot= is not on the kernel's command "
            "line.",
            "Ce système n’a pas été démarré par le boîtier\N{NO-BREAK SPACE}: atre.slot= manque "
            "sur la ligne de commande du noyau.",
        )
    return started.slot


def _slot(word: str) -> Slot:
    return "b" if word == "b" else "a"


if __name__ == "__main__":
    main()
