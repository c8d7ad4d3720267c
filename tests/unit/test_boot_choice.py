# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest
from tests.boot_states import BOTH, damaged

from atre.errors import UpdateError
from atre.system.slot import Slot
from atre.updates.boot_choice import BootFiles
from atre.updates.boot_rule import TRIES, start, tries, write_try
from atre.updates.boot_verbs import answer


class Box:
    """A box of files: RAUC's verbs on one side, the loader's rule on the other."""

    def __init__(self, folder: Path, running: Slot = "a") -> None:
        self.folder = folder / "atre"
        self.folder.mkdir()
        self.line = folder / "cmdline"
        self.run(running)

    def run(self, slot: Slot, trial_id: str = "") -> None:
        self.line.write_text(f"root=x quiet atre.slot={slot} atre.trial={trial_id}\n")

    def ask(self, *words: str) -> str | None:
        return answer(words, self.folder, self.line)

    def files(self) -> list[bytes | None]:
        paths = [self.folder / f"{name}.env" for name in ("choice-0", "choice-1", "try")]
        return [path.read_bytes() if path.exists() else None for path in paths]

    def boot(self) -> Slot:
        first, second, record = self.files()
        found = start((first, second), record, BOTH)
        if found.try_block is not None:
            (self.folder / "try.env").write_bytes(found.try_block)
        assert found.slot is not None
        self.run(found.slot, found.trial_id)
        return found.slot

    def install(self, slot: Slot) -> None:
        """What RAUC asks of us around the writing of a slot."""
        self.ask("set-state", slot, "bad")
        self.ask("set-primary", slot)


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def test_a_new_slot_is_tried_and_kept_once_it_is_said_to_be_good(box: Box) -> None:
    assert box.ask("get-primary") == box.ask("get-current") == "a"
    box.install("b")
    assert box.ask("get-primary") == "b"
    assert box.ask("get-state", "b") == "bad"
    assert box.boot() == "b"
    assert box.ask("get-current") == "b"
    box.ask("set-state", "b", "good")
    assert [box.boot() for _ in range(TRIES + 1)] == ["b"] * (TRIES + 1)
    assert box.ask("get-state", "b") == box.ask("get-state", "a") == "good"


def test_a_slot_that_is_never_said_to_be_good_gives_way(box: Box) -> None:
    box.install("b")
    assert [box.boot() for _ in range(TRIES + 2)] == ["b"] * TRIES + ["a", "a"]
    assert box.ask("get-primary") == "a"


def test_a_sick_slot_gives_way_at_once(box: Box) -> None:
    box.install("b")
    box.boot()
    box.ask("set-state", "b", "bad")
    assert box.boot() == "a"
    assert box.ask("get-state", "b") == "bad"


def test_nothing_is_installed_over_the_last_good_slot(box: Box) -> None:
    box.install("b")
    box.boot()
    before = box.files()
    with pytest.raises(UpdateError, match="last good"):
        box.install("a")
    assert box.files() == before


def test_the_previous_version_is_had_back_on_trial(box: Box) -> None:
    box.install("b")
    box.boot()
    box.ask("set-state", "b", "good")
    box.ask("set-primary", "a")
    assert box.boot() == "a"
    box.ask("set-state", "a", "good")
    assert box.boot() == "a"
    assert box.ask("get-state", "b") == "good"


def test_another_install_has_tries_of_its_own(box: Box) -> None:
    for _ in range(2):
        box.install("b")
        assert [box.boot() for _ in range(TRIES + 1)] == ["b"] * TRIES + ["a"]


def test_only_a_slot_that_runs_is_good(box: Box) -> None:
    box.install("b")
    with pytest.raises(UpdateError, match="does not run"):
        box.ask("set-state", "b", "good")


def test_without_a_readable_choice_the_running_slot_is_good(tmp_path: Path) -> None:
    box = Box(tmp_path, running="b")
    (box.folder / "choice-0.env").write_bytes(b"\xff" * 1024)
    assert box.ask("get-primary") == "b"
    box.install("a")
    assert box.boot() == "a"
    box.ask("set-state", "a", "bad")
    assert box.boot() == "b"


def test_a_cut_while_a_choice_is_written_leaves_the_old_one(box: Box) -> None:
    box.install("b")
    box.boot()
    box.ask("set-state", "b", "good")
    before = [path.read_bytes() for path in sorted(box.folder.iterdir())]
    box.ask("set-primary", "a")
    changed = [
        path
        for path, old in zip(sorted(box.folder.iterdir()), before, strict=True)
        if path.name.startswith("choice") and path.read_bytes() != old
    ]
    (replaced,) = changed
    whole, record = replaced.read_bytes(), box.files()[2]
    ended = set()
    for block in damaged(whole, every_bit_up_to=0):
        replaced.write_bytes(block or b"")
        first, second, _ = box.files()
        ended.add((block == whole, start((first, second), record, BOTH).slot))
    replaced.write_bytes(whole)
    assert box.boot() == "a"
    assert (False, "b") in ended
    assert all(slot in ("a", "b") for _, slot in ended)


def test_what_a_cut_left_behind_is_cleared(box: Box) -> None:
    (box.folder / ".choice-0.env.x1y2").write_bytes(b"half")
    box.install("b")
    assert not list(box.folder.glob(".*"))
    choice = BootFiles(box.folder).read()
    assert choice is not None
    assert tries((box.folder / "try.env").read_bytes(), choice.trial_id) == 0
    assert (box.folder / "try.env").read_bytes() == write_try(choice.trial_id)


def test_a_machine_without_slots_says_so(tmp_path: Path) -> None:
    (tmp_path / "cmdline").write_text("root=/dev/sda1 quiet\n")
    for words in (["get-current"], ["get-primary"], ["set-primary", "b"]):
        with pytest.raises(UpdateError, match="not started from a slot"):
            answer(words, tmp_path, tmp_path / "cmdline")
    assert list(tmp_path.iterdir()) == [tmp_path / "cmdline"]


@pytest.mark.parametrize(
    "words", [[], ["help"], ["get-state"], ["get-state", "c"], ["set-state", "a", "fine"]]
)
def test_what_is_no_verb_is_refused(box: Box, words: list[str]) -> None:
    assert box.ask(*words) is None
