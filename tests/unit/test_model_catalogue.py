# SPDX-License-Identifier: Apache-2.0
"""What is in the catalogue, and which of it suits a machine."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from atre.errors import ConfigError, ModelStoreError
from atre.hardware.machine import Cpu, DeviceType, GgmlDevice, Machine, Memory, MemoryBus
from atre.hardware.profiles import Figure, Profile, load_profiles
from atre.models.catalogue import load_catalogue
from atre.models.pull import request_for
from atre.plan.recommend import memory_bytes, recommend

_GB = 10**9
CATALOGUE = load_catalogue()
_PROFILES = {
    profile.name: profile
    for profile in load_profiles(Path(__file__).parents[2] / "hardware-profiles")
}
# Without what they name, so that the catalogue decides.
_CPU, _NVIDIA = (replace(_PROFILES[name], models=()) for name in ("generic-cpu", "nvidia"))
_FAMILIES = (
    "mistral-small", "ministral", "qwen3", "gpt-oss-20b", "gemma", "llama-3", "apertus", "olmo",
    "eurollm", "smollm3",
)  # fmt: skip


def machine(total_gb: float | None, *devices: GgmlDevice, os: str = "linux") -> Machine:
    total_bytes = None if total_gb is None else round(total_gb * _GB)
    return Machine(os=os, cpu=Cpu(), memory=Memory(total_bytes=total_bytes), devices=devices)


def with_bandwidth(profile: Profile, gb_s: float) -> Profile:
    figure = Figure(
        what="memory", value=gb_s, unit="GB/s", source="https://example.org", date="2026-11-21"
    )
    return replace(profile, figures=(figure,), models=())


def card(total_gb: float, type_: DeviceType = DeviceType.GPU) -> GgmlDevice:
    return GgmlDevice(
        name="CUDA0", description="a card", type=type_, memory_total_bytes=round(total_gb * _GB)
    )


@pytest.mark.parametrize("family", _FAMILIES)
def test_every_family_that_an_office_may_ask_for_is_there(family: str) -> None:
    assert any(model.id.startswith(family) for model in CATALOGUE.models)


def test_there_are_multilingual_embedders() -> None:
    embedders = [model for model in CATALOGUE.models if model.kind == "embedding"]
    assert len(embedders) >= 2
    assert all("fr" in model.languages for model in embedders)


@pytest.mark.parametrize("model", CATALOGUE.models, ids=lambda model: model.id)
def test_a_published_size_is_what_the_parameters_come_to(model: object) -> None:
    """A slip of a digit in either would show."""
    (found,) = [each for each in CATALOGUE.models if each is model]
    computed = found.parameters_b * found.bits / 8
    assert found.weights_bytes / _GB == pytest.approx(computed, rel=0.15)


def test_an_unknown_id_says_what_else_can_be_typed() -> None:
    assert CATALOGUE.find("qwen3-4b").title == "Qwen3 4B"
    with pytest.raises(ModelStoreError, match="OWNER/REPOSITORY"):
        CATALOGUE.find("gpt-5")


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('id = "qwen3-4b"', 'id = "qwen3-8b"', "there twice"),
        ('id = "qwen3-4b"', 'id = "Qwen3 4B"', "id"),
        ('licence = "gemma"', 'licence = "free"', "not described"),
        ("size_gb = 14.33", "size_gb = -1", "size_gb"),
        ("size_gb = 14.33", 'sha256 = "0"', "sha256"),
        ("active_parameters_b = 3.6", "active_parameters_b = 36", "more active"),
        ('openness = "open source"', 'openness = "open"', "openness"),
        ("[[models]]", "[[models", "not valid TOML"),
        ('repo = "bartowski/Qwen_Qwen3-4B-GGUF"', 'repo = "../x"', "repo"),
    ],
)
def test_a_wrong_catalogue_names_the_fault(tmp_path: Path, old: str, new: str, why: str) -> None:
    text = (Path(__file__).parents[2] / "daemon/atre/models/catalogue.toml").read_text("utf-8")
    assert old in text
    path = tmp_path / "catalogue.toml"
    path.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(ConfigError, match=why):
        load_catalogue(path)


@pytest.mark.parametrize(
    ("total_gb", "gb_s", "expected"),
    [
        (64, 256, "mistral-small-24b"),  # Strix Halo
        (32, 89.6, "qwen3-30b-a3b"),  # two channels of DDR5: the mixture of experts
        (17, 120, "gpt-oss-20b"),  # Mac mini M4 of 16 GiB
        (17, 25.6, "smollm3-3b"),  # N150
        (8.6, 17, "llama-3.2-1b"),  # Raspberry Pi 5
    ],
)
def test_what_suits_a_machine_is_what_fits_and_can_be_read_fast_enough(
    total_gb: float, gb_s: float, expected: str
) -> None:
    chosen = recommend(machine(total_gb), with_bandwidth(_CPU, gb_s), CATALOGUE)
    assert chosen is not None
    assert chosen.model.id == expected
    assert chosen.tokens_s is not None
    assert chosen.tokens_s >= 8
    assert chosen.model.title in chosen.why
    assert chosen.model.title in chosen.why_fr
    refused = {refusal.id for refusal in chosen.refused}
    before = [model.id for model in CATALOGUE.models[: CATALOGUE.models.index(chosen.model)]]
    assert refused == set(before)


def test_unknown_bandwidth_is_taken_for_the_smallest_machines_and_said() -> None:
    chosen = recommend(machine(32), _CPU, CATALOGUE)
    assert chosen is not None
    assert chosen.model.id == "smollm3-3b"
    assert "25.6 GB/s were assumed" in chosen.why
    assert "25,6 Go/s" in chosen.why_fr


def test_the_modules_of_this_machine_count_before_what_was_published() -> None:
    bus = MemoryBus(
        channels=2,
        data_bits=128,
        speed_mts=5600,
        is_configured=True,
        bandwidth_bytes_per_s=89_600_000_000,
    )
    here = machine(32)
    here = replace(here, memory=replace(here.memory, bus=bus))
    chosen = recommend(here, with_bandwidth(_CPU, 10), CATALOGUE)
    assert chosen is not None
    assert chosen.model.id == "qwen3-30b-a3b"


def test_what_the_profile_names_comes_first_and_only_memory_refuses_it() -> None:
    profile = replace(_CPU, models=("mistral-small-24b", "qwen3-8b", "smollm3-3b"))
    chosen = recommend(machine(17), profile, CATALOGUE)
    assert chosen is not None
    assert chosen.model.id == "qwen3-8b"
    assert [refusal.id for refusal in chosen.refused] == ["mistral-small-24b"]
    assert repr(profile.title) in chosen.why
    assert profile.title_fr in chosen.why_fr
    assert "which is slow" in chosen.why


def test_where_nothing_that_the_profile_names_fits_the_catalogue_decides() -> None:
    profile = replace(_CPU, models=("mistral-small-24b", "unknown-1b"))
    chosen = recommend(machine(8.6), profile, CATALOGUE)
    assert chosen is not None
    assert chosen.model.id == "smollm3-3b"
    assert "of the catalogue" in chosen.why


@pytest.mark.parametrize("profile", _PROFILES.values(), ids=lambda profile: profile.name)
def test_every_profile_has_a_model_for_a_machine_with_room(profile: Profile) -> None:
    chosen = recommend(machine(140, card(140)), profile, CATALOGUE)
    assert chosen is not None
    assert chosen.model.id == profile.models[0]


def test_a_card_is_filled_before_main_memory_is_thought_of() -> None:
    chosen = recommend(machine(17, card(12.9)), _NVIDIA, CATALOGUE)
    assert chosen is not None
    assert chosen.model.id == "ministral-3-14b"
    assert chosen.tokens_s is None
    assert "graphics card" in chosen.why
    assert "carte graphique" in chosen.why_fr


def test_shared_memory_is_counted_once() -> None:
    shared = with_bandwidth(_NVIDIA, 100)
    alone = recommend(machine(17), shared, CATALOGUE)
    integrated = recommend(machine(17, card(17, DeviceType.IGPU)), shared, CATALOGUE)
    apple = recommend(machine(17, card(12), os="macos"), shared, CATALOGUE)
    assert alone is not None
    assert integrated is not None
    assert apple is not None
    assert alone.model == integrated.model == apple.model
    assert alone.refused == integrated.refused == apple.refused
    assert alone.speed != integrated.speed == apple.speed


def test_where_everything_is_slow_the_fastest_is_named_and_called_slow() -> None:
    chosen = recommend(machine(4.2), with_bandwidth(_CPU, 5), CATALOGUE)
    assert chosen is not None
    assert chosen.model.id == "llama-3.2-1b"
    assert "which is slow" in chosen.why
    assert "ce qui est lent" in chosen.why_fr


@pytest.mark.parametrize("total_gb", [1.0, None])
def test_nothing_is_recommended_where_nothing_fits_or_nothing_is_known(
    total_gb: float | None,
) -> None:
    assert recommend(machine(total_gb), _CPU, CATALOGUE) is None


def test_an_embedder_is_recommended_for_itself() -> None:
    chosen = recommend(machine(8), _CPU, CATALOGUE, kind="embedding")
    assert chosen is not None
    assert chosen.model.id == "bge-m3"
    assert memory_bytes(chosen.model) < _GB


def test_what_nobody_confirmed_gives_way_to_an_equal_that_somebody_did() -> None:
    """An eight-billion model of the same speed may take the place; one half as large may not."""
    here, profile = machine(12), with_bandwidth(_CPU, 90)
    usual = recommend(here, profile, CATALOGUE)
    assert usual is not None
    assert not usual.model.unverified
    doubtful = replace(usual.model, unverified=("size_gb",))
    models = tuple(doubtful if each is usual.model else each for each in CATALOGUE.models)
    chosen = recommend(here, profile, replace(CATALOGUE, models=models))
    assert chosen is not None
    assert chosen.model.id != usual.model.id
    assert chosen.model.parameters_b >= 0.75 * usual.model.parameters_b
    assert any(
        refusal.id == usual.model.id and "nothing public confirmed" in refusal.why
        for refusal in chosen.refused
    )
    smaller = tuple(
        each
        for each in models
        if each.parameters_b < 0.7 * doubtful.parameters_b or each is doubtful
    )
    alone = recommend(here, profile, replace(CATALOGUE, models=smaller))
    assert alone is not None
    assert alone.model.id == usual.model.id


def test_only_keys_of_the_catalogue_are_unverified(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "daemon/atre/models/catalogue.toml").read_text("utf-8")
    path = tmp_path / "catalogue.toml"
    path.write_text(
        text.replace('unverified = ["languages"]', 'unverified = ["taste"]', 1), "utf-8"
    )
    with pytest.raises(ConfigError, match="unverified"):
        load_catalogue(path)


def test_a_model_of_the_catalogue_in_parts_is_fetched_whole() -> None:
    files = request_for("gpt-oss-120b", CATALOGUE).files
    assert [file.file[-18:] for file in files] == [
        f"0000{number}-of-00003.gguf"[-18:] for number in (1, 2, 3)
    ]
