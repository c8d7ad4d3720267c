# SPDX-License-Identifier: Apache-2.0
"""A swap that is cut before any of its renames ends as one that was not."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from atre.backup import swap
from atre.backup.place import Place
from atre.errors import BackupError
from atre.ipc.backup_replies import RestorePhase
from atre.system.durable import write_durably

ITEMS = ("atre.db", "atre.db-wal", "documents", "secrets", "state", "tls")
OLD = {"atre.db": "old", "atre.db-wal": "old", "state/a": "old", "tls/t": "old"}
NEW = {"atre.db": "new", "secrets/s": "new", "state/a": "new", "state/b": "new"}


class PowerCutError(Exception):
    """The machine lost its power here."""


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")


def read(root: Path) -> dict[str, str]:
    kept = (path for path in root.rglob("*") if path.is_file() and "restore" not in path.parts)
    return {path.relative_to(root).as_posix(): path.read_text("utf-8") for path in kept}


def staged(root: Path) -> Place:
    place = Place(root)
    write(root, OLD)
    write(place.restore_dir / swap.STAGED, NEW)
    swap.begin(
        place,
        swap.Swap(
            phase=RestorePhase.STAGED, snapshot="s", snapshot_at=1.0, unit="u", at=2.0, items=ITEMS
        ),
    )
    return place


def test_nothing_changes_before_it_is_ordered(tmp_path: Path) -> None:
    place = staged(tmp_path)
    assert swap.finish(place) is None
    assert read(tmp_path) == OLD
    swap.undo(place)
    assert read(tmp_path) == OLD
    assert not place.restore_dir.exists()


def test_the_new_state_comes_whole_and_the_old_one_comes_back_whole(tmp_path: Path) -> None:
    place = staged(tmp_path)
    swap.order(place)
    assert swap.finish(place) is RestorePhase.APPLIED
    assert read(tmp_path) == NEW
    assert swap.finish(place) is None
    with pytest.raises(BackupError):
        swap.check_free(place)
    (tmp_path / "state" / "b").write_text("written since", "utf-8")
    assert swap.undo(place) is not None
    assert swap.finish(place) is RestorePhase.UNDONE
    assert read(tmp_path) == OLD
    swap.confirm(place)
    assert not place.restore_dir.exists()


@pytest.mark.parametrize("is_undo", [False, True])
def test_a_cut_at_any_change_of_the_disk_is_finished_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_undo: bool
) -> None:
    """Each number of changes before the cut in turn, until one run needs no more of them."""
    for num_changes in range(100):
        root = tmp_path / str(num_changes)
        place = staged(root)
        swap.order(place)
        if is_undo:
            swap.finish(place)
            swap.undo(place)
        was_cut = False
        with monkeypatch.context() as patch:
            cut_after(patch, num_changes)
            try:
                swap.finish(place)
            except PowerCutError:
                was_cut = True
        swap.finish(place)
        assert read(root) == (OLD if is_undo else NEW), num_changes
        state = swap.state_of(place)
        assert state is not None
        assert state.phase is (RestorePhase.UNDONE if is_undo else RestorePhase.APPLIED)
        if not was_cut:
            assert num_changes > len(ITEMS)
            return
    pytest.fail("the swap never ended")


def cut_after(patch: pytest.MonkeyPatch, num_changes: int) -> None:
    """Let so many renames and notes happen, and raise instead of the next."""
    left = [num_changes]

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def change(*arguments: Any, **named: Any) -> Any:
            if left[0] == 0:
                raise PowerCutError
            left[0] -= 1
            return real(*arguments, **named)

        return change

    patch.setattr(Path, "rename", counted(Path.rename))
    patch.setattr(swap, "write_durably", counted(write_durably))
    patch.setattr(shutil, "rmtree", counted(shutil.rmtree))
