# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from atre.cli import main
from atre.cli.detect import look
from atre.config import default_profiles_dir
from atre.hardware.detect import detect
from atre.hardware.usage import UseCode
from atre.models.import_files import candidates, import_model
from atre.plan.health import check
from atre.plan.inspection import inspect
from atre.plan.planning import factory_model_path, model_store
from atre.plan.race.race import Race

_MACHINES = Path(__file__).parents[1] / "machines"


def doctor(name: str, language: str, tmp_path: Path, *options: str) -> tuple[int, str]:
    command = ["doctor", "--root", str(_MACHINES / name), "--data-dir", str(tmp_path), *options]
    done = CliRunner(env={"LC_ALL": language}).invoke(main, command)
    return done.exit_code, done.output


def test_a_missing_driver_is_a_problem_with_a_remedy_in_both_languages(tmp_path: Path) -> None:
    status, english = doctor("nvidia-desktop-no-driver", "C", tmp_path)
    assert status == 1
    assert "To mend:\n  - 0000:01:00.0 [10de:2504], card, no driver: not used: no driver" in english
    assert "    Install the kernel driver and firmware, then restart.\n" in english
    status, french = doctor("nvidia-desktop-no-driver", "fr_CA.UTF-8", tmp_path)
    assert status == 1
    assert "À réparer\N{NO-BREAK SPACE}:" in french
    assert "carte, sans pilote" in french
    assert "    Installez le pilote du noyau et son microcode, puis redémarrez.\n" in french


def test_a_machine_whose_gpu_is_used_is_in_order(tmp_path: Path) -> None:
    status, output = doctor("nvidia-desktop", "C", tmp_path)
    assert (status, output.splitlines()[0]) == (0, "Everything is in order.")
    status, output = doctor("nvidia-desktop", "fr_FR.UTF-8", tmp_path)
    assert (status, output.splitlines()[0]) == (0, "Tout est en ordre.")


def test_a_model_that_cannot_run_is_a_problem(tmp_path: Path) -> None:
    status, output = doctor("nvidia-desktop", "C", tmp_path, "--model", str(tmp_path / "none.gguf"))
    assert status == 1
    assert "The model cannot run: " in output


def test_a_container_limit_and_a_slow_build_are_advice(tmp_path: Path) -> None:
    found = inspect(detect(_MACHINES / "container-with-limits"), default_profiles_dir())
    notes = check(found, tmp_path)
    assert any("may use 2.0 of 124.9 GiB" in note.text for note in notes if not note.is_problem)
    found = inspect(detect(_MACHINES / "n100-mini-pc"), default_profiles_dir())
    texts = [note.text for note in check(found, tmp_path)]
    assert any("compiled without avx_vnni" in text for text in texts)


@pytest.mark.parametrize("name", sorted(path.name for path in _MACHINES.iterdir() if path.is_dir()))
def test_every_note_is_in_both_languages_and_problems_come_first(name: str, tmp_path: Path) -> None:
    found = inspect(detect(_MACHINES / name), default_profiles_dir())
    notes = check(found, tmp_path)
    kinds = [note.is_problem for note in notes]
    assert kinds == sorted(kinds, reverse=True)
    for note in notes:
        assert note.text
        assert note.text_fr
        assert bool(note.remedy) is bool(note.remedy_fr)
        assert note.remedy or not note.is_problem


def test_a_recorded_machine_does_not_race(tmp_path: Path) -> None:
    command = ["detect", "--race", "--root", str(_MACHINES / "nvidia-desktop")]
    done = CliRunner().invoke(main, [*command, "--data-dir", str(tmp_path)])
    assert done.exit_code == 1
    assert "recorded machine cannot race" in done.output


def test_a_race_of_this_machine_is_remembered_and_shown(tmp_path: Path) -> None:
    machine = detect(_MACHINES / "n100-mini-pc")
    race = Race(tmp_path)
    found = inspect(machine, default_profiles_dir(), None, race, race_now=True)
    assert found.plan is not None
    assert found.plan.reasons[-1].startswith("CPU was measured to be best")
    again = inspect(machine, default_profiles_dir(), None, race)
    assert again.verdict == found.verdict
    assert [use.code for use in again.uses] == [UseCode.NO_BACKEND]


def test_this_machine_is_looked_at_with_the_model_that_was_chosen(tmp_path: Path) -> None:
    machine = detect(_MACHINES / "n100-mini-pc")
    factory = look(machine, None, tmp_path, is_here=True)
    assert factory.plan is not None
    assert factory.plan.model_path.endswith("factory.gguf")
    store, (candidate,) = model_store(tmp_path), candidates(factory_model_path())
    import_model(store, replace(candidate, name="chosen"), reserve_bytes=0)
    store.choose("chosen")
    chosen = look(machine, None, tmp_path, is_here=True)
    assert chosen.plan is not None
    assert chosen.plan.model_path.endswith("chosen.gguf")
    asked = look(machine, factory_model_path(), tmp_path, is_here=True)
    assert asked.plan is not None
    assert asked.plan.model_path.endswith("factory.gguf")
    recorded = look(machine, None, tmp_path, is_here=False)
    assert recorded.plan is not None
    assert recorded.plan.model_path.endswith("factory.gguf")
