# SPDX-License-Identifier: Apache-2.0
"""`atre model` as it is typed, and what the box then plans to run."""

import json
from pathlib import Path
from types import ModuleType

import click.testing
import pytest

from atre.cli import main as atre
from atre.config import Config, default_profiles_dir
from atre.hardware.machine import Cpu, Machine, Memory
from atre.models import import_files
from atre.planning import factory_model_path, model_path, model_store, plan_engine

_MACHINE = Machine(
    os="linux",
    cpu=Cpu(physical_cores=2, logical_cpus=2),
    memory=Memory(total_bytes=8 * 2**30, available_bytes=6 * 2**30),
)


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    # These tests run on whatever disk there is.
    monkeypatch.setattr(import_files, "require_room", lambda *_, **__: None)
    return tmp_path / "data"


def run(data_dir: Path, verb: str, *arguments: str) -> click.testing.Result:
    return click.testing.CliRunner().invoke(
        atre, ["model", verb, *arguments, "--data-dir", str(data_dir)]
    )


def config(data_dir: Path, model: str | None = None) -> Config:
    return Config(
        data_dir=data_dir,
        runtime_dir=data_dir / "run",
        profiles_dir=default_profiles_dir(),
        model=model,
    )


def chosen(data_dir: Path) -> str:
    return str(json.loads(run(data_dir, "list", "--json").stdout)["chosen"])


def test_a_model_is_imported_listed_verified_chosen_and_removed(
    data_dir: Path, tmp_path: Path, tiny_gguf: ModuleType
) -> None:
    source = tiny_gguf.write_model(tmp_path / "Essai.gguf")
    assert "atre model use essai" in run(data_dir, "import", str(source)).stdout
    listing = json.loads(run(data_dir, "list", "--json").stdout)
    assert [each["name"] for each in listing["models"]] == ["essai"]
    assert listing["chosen"] == "factory"
    assert "essai" in run(data_dir, "list").stdout
    assert run(data_dir, "verify").exit_code == 0
    assert "next start" in run(data_dir, "use", "essai").stdout
    assert chosen(data_dir) == "essai"
    refused = run(data_dir, "remove", "essai")
    assert refused.exit_code == 1
    assert "Choose another first" in refused.stderr
    assert run(data_dir, "use", "factory").exit_code == 0
    assert "free again" in run(data_dir, "remove", "essai").stdout
    assert json.loads(run(data_dir, "list", "--json").stdout)["models"] == []


def test_it_speaks_french_in_a_french_terminal(
    data_dir: Path, tmp_path: Path, tiny_gguf: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "fr_CA.UTF-8")
    source = tiny_gguf.write_model(tmp_path / "Essai.gguf")
    assert "Pour répondre avec" in run(data_dir, "import", str(source)).stdout
    assert "le petit modèle fourni" in run(data_dir, "list").stdout
    assert "prochain démarrage" in run(data_dir, "use", "essai").stdout


def test_a_folder_gives_all_its_models_and_no_common_name(
    data_dir: Path, tmp_path: Path, tiny_gguf: ModuleType
) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    for number in range(2):
        tiny_gguf.write_model(stick / f"m{number}.gguf", seed=number)
    refused = run(data_dir, "import", str(stick), "--name", "mine")
    assert refused.exit_code == 1
    assert "one name cannot be for all" in refused.stderr
    done = run(data_dir, "import", str(stick), "--json")
    assert [each["name"] for each in json.loads(done.stdout)] == ["m0", "m1"]


def test_a_changed_blob_is_reported(data_dir: Path, tmp_path: Path, tiny_gguf: ModuleType) -> None:
    run(data_dir, "import", str(tiny_gguf.write_model(tmp_path / "essai.gguf")))
    store = model_store(data_dir)
    blob = store.blobs(store.manifest("essai"))[0]
    blob.chmod(0o600)
    blob.write_bytes(b"x" + blob.read_bytes()[1:])
    done = run(data_dir, "verify", "essai")
    assert done.exit_code == 1
    assert "has changed on the disk" in done.stderr


def test_the_box_runs_the_stored_model_of_a_name(
    data_dir: Path, tmp_path: Path, tiny_gguf: ModuleType
) -> None:
    run(data_dir, "import", str(tiny_gguf.write_model(tmp_path / "essai.gguf")))
    found = model_path(config(data_dir, "essai"))
    assert found == data_dir / "models" / "essai.gguf"
    planned = plan_engine(config(data_dir, "essai"), _MACHINE)
    assert planned.plan is not None
    assert planned.plan.model_path == str(found)


def test_a_model_put_into_the_folder_by_hand_still_has_a_name(data_dir: Path) -> None:
    by_hand = data_dir / "models" / "mine.gguf"
    by_hand.parent.mkdir(parents=True)
    by_hand.write_bytes(factory_model_path().read_bytes())
    assert model_path(config(data_dir, "mine")) == by_hand


def test_the_chosen_model_answers_unless_the_command_line_says_otherwise(
    data_dir: Path, tmp_path: Path, tiny_gguf: ModuleType
) -> None:
    run(data_dir, "import", str(tiny_gguf.write_model(tmp_path / "essai.gguf")))
    run(data_dir, "use", "essai")
    planned = plan_engine(config(data_dir), _MACHINE).plan
    assert planned is not None
    assert Path(planned.model_path).name == "essai.gguf"
    asked = plan_engine(config(data_dir, str(factory_model_path())), _MACHINE).plan
    assert asked is not None
    assert Path(asked.model_path) == factory_model_path()


def test_a_chosen_model_that_cannot_be_used_leaves_the_factory_model_and_says_why(
    data_dir: Path, tmp_path: Path, tiny_gguf: ModuleType
) -> None:
    run(data_dir, "import", str(tiny_gguf.write_model(tmp_path / "essai.gguf")))
    run(data_dir, "use", "essai")
    store = model_store(data_dir)
    store.blobs(store.manifest("essai"))[0].unlink()
    plan = plan_engine(config(data_dir), _MACHINE).plan
    assert plan is not None
    assert Path(plan.model_path) == factory_model_path()
    assert "because essai cannot be used" in plan.issues[0]


def test_an_unknown_name_says_where_to_look(data_dir: Path) -> None:
    planned = plan_engine(config(data_dir, "nothing"), _MACHINE)
    assert planned.plan is None
    assert "atre model list" in planned.no_model_reason
