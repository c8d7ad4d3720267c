# SPDX-License-Identifier: Apache-2.0
"""`atre model` as it is typed, and what the box then plans to run."""

import json
import select
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import click.testing
import pytest

from atre.cli import main as atre
from atre.config import Config, default_profiles_dir, default_runtime_dir
from atre.hardware.machine import Cpu, Machine, Memory
from atre.ipc.model_messages import Phase
from atre.models import import_files
from atre.models.change import ChangeStatus
from atre.models.change_request import RequestSocket, write_status
from atre.plan.planning import factory_model_path, model_store, plan_engine

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


def test_a_box_that_ends_in_the_middle_of_a_change_keeps_nobody_waiting(
    data_dir: Path, tmp_path: Path, tiny_gguf: ModuleType
) -> None:
    run(data_dir, "import", str(tiny_gguf.write_model(tmp_path / "essai.gguf")))
    runtime_dir = default_runtime_dir(data_dir)
    runtime_dir.mkdir(parents=True)
    box = RequestSocket(runtime_dir)

    def take_up_and_end() -> None:
        select.select([box], [], [])
        asked = box.next_request()
        assert asked
        status = ChangeStatus(request_id=asked.id, wanted=asked.name, phase=Phase.LOADING)
        write_status(runtime_dir, status)
        box.close()

    with ThreadPoolExecutor() as threads:
        ended = threads.submit(take_up_and_end)
        refused = run(data_dir, "use", "essai")
        ended.result()
    assert refused.exit_code == 1
    assert "The box stopped before it answered with essai" in refused.stderr
    assert chosen(data_dir) == "factory"


@pytest.fixture
def two_bases(data_dir: Path, tmp_path: Path, tiny_gguf: ModuleType) -> Path:
    """The data directory with ``essai``, ``autre`` and ``lettres``, an adapter for the first."""
    for seed, name in enumerate(("essai", "autre")):
        source = tiny_gguf.write_model(tmp_path / f"{name}.gguf", seed=seed)
        run(data_dir, "import", str(source))
    adapter = tiny_gguf.write_adapter(tmp_path / "lettres.gguf")
    done = run(data_dir, "import", str(adapter), "--base", "essai")
    assert "atre model use essai --adapter lettres" in done.stdout
    return data_dir


def test_an_adapter_is_chosen_with_its_base_and_neither_is_removed_then(two_bases: Path) -> None:
    assert run(two_bases, "use", "essai", "--adapter", "lettres:0.5").exit_code == 0
    assert chosen(two_bases) == "essai+lettres:0.5"
    assert run(two_bases, "list").stdout.count("→") == 2
    plan = plan_engine(config(two_bases), _MACHINE).plan
    assert plan is not None
    assert Path(plan.model_path).name == "essai.gguf"
    assert [(Path(each.path).name, each.scale) for each in plan.adapters] == [("lettres.gguf", 0.5)]
    assert "The adapter lettres acts, times 0.5." in plan.reasons
    for name in ("essai", "lettres"):
        refused = run(two_bases, "remove", name)
        assert "what the box answers with" in refused.stderr
    run(two_bases, "use", "factory")
    assert "belongs to essai" in run(two_bases, "remove", "essai").stderr
    assert run(two_bases, "remove", "lettres").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["autre", "--adapter", "lettres"], "lettres is an adapter for essai, not for autre"),
        (["essai", "--adapter", "autre"], "autre is a whole model"),
        (["essai", "--adapter", "nothing"], "No model 'nothing' is stored"),
        (["essai", "--adapter", "lettres:0"], "names no scale"),
        (["essai", "--adapter", "lettres:nan"], "names no scale"),
        (["essai", "--adapter", "lettres:"], "names no scale"),
        (["essai", "--adapter", "lettres", "--adapter", "lettres:2"], "names an adapter twice"),
        (["factory", "--adapter", "lettres"], "factory model takes no adapters"),
        (["lettres"], "atre model use essai --adapter lettres"),
    ],
)
def test_an_adapter_that_does_not_belong_there_is_refused(
    two_bases: Path, arguments: list[str], why: str
) -> None:
    refused = run(two_bases, "use", *arguments)
    assert refused.exit_code == 1
    assert why in refused.stderr
    assert chosen(two_bases) == "factory"


def test_adapters_are_in_the_planned_memory(
    two_bases: Path, tmp_path: Path, tiny_gguf: ModuleType
) -> None:
    large = tiny_gguf.write_adapter(tmp_path / "large.gguf", rank=200_000)
    run(two_bases, "import", str(large), "--base", "essai")
    plans = [
        plan_engine(config(two_bases, name), _MACHINE).plan for name in ("essai", "essai+large")
    ]
    [without, with_] = [plan.reasons[3] for plan in plans if plan]
    assert int(with_.split()[1]) - int(without.split()[1]) > large.stat().st_size / 2**20


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
    found = data_dir / "models" / "essai.gguf"
    planned = plan_engine(config(data_dir, "essai"), _MACHINE)
    assert planned.plan is not None
    assert planned.plan.model_path == str(found)


def test_a_model_put_into_the_folder_by_hand_still_has_a_name(data_dir: Path) -> None:
    by_hand = data_dir / "models" / "mine.gguf"
    by_hand.parent.mkdir(parents=True)
    by_hand.write_bytes(factory_model_path().read_bytes())
    plan = plan_engine(config(data_dir, "mine"), _MACHINE).plan
    assert plan is not None
    assert Path(plan.model_path) == by_hand


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
    assert "atre model list" in planned.no_model_reason.text
