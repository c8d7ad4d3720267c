# SPDX-License-Identifier: Apache-2.0
from pathlib import Path
from types import ModuleType

from msgspec.structs import replace

from atre.config import Config, default_profiles_dir
from atre.hardware.machine import Cpu, Machine, Memory
from atre.models.gguf_header import read_header
from atre.plan.planning import plan_embedder, plan_engine, without_memory
from atre.sentence import NOTHING

MIB, GIB = 2**20, 2**30


def machine(*, cores: int = 2, gib: float = 8) -> Machine:
    size_bytes = int(gib * GIB)
    memory = Memory(total_bytes=size_bytes, available_bytes=size_bytes, limit_bytes=size_bytes)
    return Machine(os="linux", cpu=Cpu(physical_cores=cores, logical_cpus=cores), memory=memory)


def config(directory: Path, embedding_model: str | None) -> Config:
    return Config(
        data_dir=directory,
        runtime_dir=directory,
        profiles_dir=directory,
        embedding_model=embedding_model,
    )


def test_nobody_asked_nothing_is_planned(tmp_path: Path) -> None:
    assert plan_embedder(config(tmp_path, None), machine()) is None


def test_a_model_is_found_by_path_and_by_name(tmp_path: Path, bert_model: ModuleType) -> None:
    (tmp_path / "models").mkdir()
    path = tmp_path / "models" / "tiny-bert.gguf"
    bert_model.write_bert(path)
    for asked in (str(path), "tiny-bert", "tiny-bert.gguf"):
        plan = plan_embedder(config(tmp_path, asked), machine())
        assert plan is not None
        assert plan.path == path
        assert plan.no_model_reason == NOTHING
        assert plan.memory_bytes > read_header(path).weights_bytes


def test_a_model_that_is_missing_is_a_reason(tmp_path: Path) -> None:
    plan = plan_embedder(config(tmp_path, "bge-m3"), machine())
    assert plan is not None
    assert plan.path is None
    assert plan.memory_bytes == 0
    assert "'bge-m3'" in plan.no_model_reason.text
    assert "pas de modèle 'bge-m3'" in plan.no_model_reason.text_fr


def test_chats_keep_most_of_the_cores(tmp_path: Path) -> None:
    for cores, threads in ((1, 1), (2, 1), (7, 1), (8, 2), (16, 4)):
        plan = plan_embedder(config(tmp_path, "x"), machine(cores=cores))
        assert plan is not None
        assert plan.threads == threads


def test_the_chat_model_is_planned_beside_the_embedding_model(
    tmp_path: Path, bert_model: ModuleType
) -> None:
    path = tmp_path / "bert.gguf"
    bert_model.write_bert(path, window=2048, dimensions=128)
    chat_only = replace(config(tmp_path, None), profiles_dir=default_profiles_dir())
    both = replace(chat_only, embedding_model=str(path))
    reserve_bytes = plan_engine(chat_only, machine()).choice.profile.run.reserve_bytes
    small = machine(gib=(reserve_bytes + 80 * MIB) / GIB)  # the factory model wants 70
    alone, beside = plan_engine(chat_only, small), plan_engine(both, small)
    assert alone.plan is not None
    assert beside.plan is not None
    assert beside.plan.n_ctx < alone.plan.n_ctx
    assert beside.embedder is not None
    assert beside.machine == small


def test_unknown_memory_stays_unknown() -> None:
    memory = Memory(available_bytes=GIB)
    left = without_memory(Machine(os="linux", cpu=Cpu(), memory=memory), 2 * GIB).memory
    assert left == Memory(available_bytes=0)
