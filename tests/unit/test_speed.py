# SPDX-License-Identifier: Apache-2.0
"""How fast a model is said to write, and from what."""

import datetime as dt
import sys
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from atre.box.advice import note_advice
from atre.box.speed_watch import SpeedWatch, sampled, soonest
from atre.config import Config
from atre.engine.observed import observed
from atre.errors import EngineUnavailableError
from atre.hardware.choose import choose
from atre.hardware.machine import Cpu, DeviceType, GgmlDevice, Machine, Memory, MemoryBus
from atre.hardware.profiles import Figure, Profile, load_profiles
from atre.ipc.messages import EngineDescription, Turn
from atre.models.catalogue import load_catalogue
from atre.models.footprint import token_bytes
from atre.models.gguf_header import read_header
from atre.plan.inspection import inspect
from atre.plan.planning import Planned, factory_model_path
from atre.plan.race.candidates import ModelIdentity
from atre.plan.race.race import Race
from atre.plan.recommend import Recommendation, recommend
from atre.plan.speed.bandwidth import Bandwidth, MeasuredBandwidth, fingerprint, known_bandwidth
from atre.plan.speed.efficiency import READABLE, Kind, share_of
from atre.plan.speed.estimate import Reading, Sample, estimate
from atre.plan.speed.meter import MemoryMeter, read_command
from atre.plan.speed.read_memory import read_memory
from atre.plan.speed.record import SpeedRecord
from atre.sentence import NOTHING
from atre.speed_figure import SpeedBasis, SpeedFigure

_GB = 10**9
_PROFILES_DIR = Path(__file__).parents[2] / "hardware-profiles"
_CPU: Profile = next(each for each in load_profiles(_PROFILES_DIR) if each.name == "generic-cpu")
_HERE = Machine(
    os="linux",
    cpu=Cpu(model="A processor", physical_cores=2, logical_cpus=2, cache_bytes=2**20),
    memory=Memory(total_bytes=16 * 2**30, available_bytes=12 * 2**30),
    devices=(GgmlDevice(name="CPU", description="", type=DeviceType.CPU),),
)


def carries(gb_s: float) -> Bandwidth:
    return Bandwidth(low_bytes_s=gb_s * _GB, high_bytes_s=gb_s * _GB, basis="", basis_fr="")


def reading(gb: float, *, mixture: bool = False, kind: Kind = "processor") -> Reading:
    return Reading(
        token_bytes=round(gb * _GB),
        context_tokens=1024,
        is_mixture=mixture,
        device="CPU",
        kind=kind,
        model=identity("asked"),
    )


def identity(name: str) -> ModelIdentity:
    return ModelIdentity(name=name, size_bytes=1, changed_ns=1)


def sample(gb: float, tokens_s: float, *, name: str = "other", tokens: int = 0) -> Sample:
    return Sample(
        model=identity(name),
        device="CPU",
        token_bytes=round(gb * _GB),
        is_mixture=False,
        machine=fingerprint(_HERE),
        tokens_s=tokens_s,
        num_tokens=tokens,
        source="answers" if tokens else "race",
        date="2026-11-22T10:00:00+00:00",
    )


def span(figure: SpeedFigure) -> tuple[float, float]:
    assert figure.low_tokens_s is not None
    assert figure.high_tokens_s is not None
    return figure.low_tokens_s, figure.high_tokens_s


KINDS = st.sampled_from(["processor", "integrated", "card"])
SIZES = st.floats(0.1, 100)
SPEEDS = st.floats(5, 2000)


@given(kind=KINDS, mixture=st.booleans(), gb=SIZES, gb_s=SPEEDS, more=st.floats(1.01, 10))
def test_more_bandwidth_is_faster_and_more_bytes_are_slower(
    *, kind: Kind, mixture: bool, gb: float, gb_s: float, more: float
) -> None:
    low, high = span(estimate(reading(gb, mixture=mixture, kind=kind), carries(gb_s)))
    assert 0 < low < high
    faster = span(estimate(reading(gb, mixture=mixture, kind=kind), carries(gb_s * more)))
    slower = span(estimate(reading(gb * more, mixture=mixture, kind=kind), carries(gb_s)))
    assert faster[0] > low > slower[0]
    assert faster[1] > high > slower[1]


@given(gb=st.floats(0.3, 50), gb_s=SPEEDS, share=st.floats(0.3, 0.7), more=st.floats(1.0, 5))
def test_a_calibrated_range_is_within_reason_and_falls_with_size(
    gb: float, gb_s: float, share: float, more: float
) -> None:
    measured = sample(gb, share * gb_s / gb)
    one = estimate(reading(gb), carries(gb_s), [measured])
    assert one.basis is SpeedBasis.CALIBRATED
    low, high = span(one)
    assert low <= measured.tokens_s <= high
    assert span(estimate(reading(gb * more), carries(gb_s), [measured]))[1] <= high * 1.000001


# Published: what decoding reached, gigabytes read a token, and the memory's GB/s in theory.
# hardware-profiles/*.toml name the sources; sizes are those of the catalogue.
_RECORDED: list[tuple[str, Kind, bool, float, float, float]] = [
    ("Pi 5, Llama 3.2 3B", "processor", False, 4.88, 2.02, 17.1),
    ("N150, Llama 3.2 3B", "processor", False, 9.06, 2.02, 25.6),
    ("Framework 13 CPU, 8B", "processor", False, 10.5, 4.92, 89.6),
    ("MS-R1, Llama 3.2 3B", "processor", False, 12.1, 2.02, 96.0),
    ("M4, Llama 3.1 8B", "integrated", False, 20.9, 4.92, 120.0),
    ("M4 Pro, Qwen3-30B-A3B", "integrated", True, 70.6, 2.01, 273.0),
    ("M4 Pro, Mistral Small", "integrated", False, 16.5, 14.3, 273.0),
    ("Strix Halo, 3B", "integrated", False, 88.1, 2.02, 256.0),
    ("Strix Halo, gpt-oss-20b", "integrated", True, 53.9, 2.08, 256.0),
    ("GB10, gpt-oss-20b", "integrated", True, 88.0, 2.08, 273.0),
    ("RTX 5070, Qwen3-8B", "card", False, 103.0, 5.03, 672.0),
    ("RTX 3060, gpt-oss-20b", "card", True, 84.0, 2.08, 360.0),
]


@pytest.mark.parametrize("fact", _RECORDED, ids=lambda fact: str(fact[0]))
def test_the_range_contains_what_was_published(
    fact: tuple[str, Kind, bool, float, float, float],
) -> None:
    _, kind, mixture, tokens_s, gb, gb_s = fact
    low, high = span(estimate(reading(gb, mixture=mixture, kind=kind), carries(gb_s)))
    assert low <= tokens_s <= high


# Dense models on one M4 Pro (llmfit's community results): gigabytes, tokens a second.
_M4_PRO = {
    "smollm3-3b": (1.92, 96.2), "gemma-3-4b": (2.49, 74.4), "qwen3-8b": (5.03, 46.2),
    "apertus-8b": (5.06, 43.9), "ministral-8b": (5.2, 45.8), "mistral-small": (14.3, 16.5),
}  # fmt: skip


@pytest.mark.parametrize("name", _M4_PRO)
def test_two_models_of_a_machine_foretell_the_others(name: str) -> None:
    known = [sample(*_M4_PRO[each], name=each) for each in ("smollm3-3b", "mistral-small")]
    size, tokens_s = _M4_PRO[name]
    figure = estimate(reading(size, kind="integrated"), carries(273), known)
    assert figure.basis is SpeedBasis.CALIBRATED
    low, high = span(figure)
    assert low <= tokens_s <= high
    wide_low, wide_high = span(estimate(reading(size, kind="integrated"), carries(273)))
    assert high - low < wide_high - wide_low


def test_the_model_itself_gives_one_figure_and_answers_come_before_a_race() -> None:
    race, answers = sample(2, 9.0, name="asked"), sample(2, 8.0, name="asked", tokens=5000)
    raced = estimate(reading(2), None, [replace(race, prompt_tokens_s=90.0)])
    assert (raced.basis, span(raced), raced.prompt_tokens_s) == (
        SpeedBasis.MEASURED, (9.0, 9.0), 90.0,
    )  # fmt: skip
    assert raced.words() == "9.0 tokens/s (measured here)"
    assert raced.words(french=True) == "9,0 jetons/s (mesuré ici)"
    assert span(estimate(reading(2), None, [race, answers])) == (8.0, 8.0)
    few = replace(answers, num_tokens=20)
    assert span(estimate(reading(2), None, [race, few])) == (9.0, 9.0)
    elsewhere = replace(answers, device="Vulkan0")
    assert estimate(reading(2), None, [elsewhere]).basis is SpeedBasis.UNKNOWN


def test_what_nobody_can_know_is_unknown_and_says_why() -> None:
    for figure in (
        estimate(reading(2), None),
        estimate(replace(reading(2), kind=None), carries(50)),
        estimate(reading(0.02), carries(50)),
        estimate(replace(reading(0.2), cache_bytes=2**28), carries(50)),
    ):
        assert figure.basis is SpeedBasis.UNKNOWN
        assert figure.words() == figure.words(french=True) == "—"
        assert figure.why
        assert figure.why_fr
        assert " ;" not in figure.why_fr


def test_small_models_and_busy_machines_foretell_nothing() -> None:
    small = replace(reading(5), cache_bytes=32 * 2**20)
    in_cache = sample(0.02, 500)
    while_busy = sample(2, 0.2)
    wrong_kind = replace(sample(2, 9), is_mixture=True)
    for known in (in_cache, while_busy, wrong_kind):
        assert estimate(small, carries(50), [known]).basis is SpeedBasis.ESTIMATED


def test_the_best_known_bandwidth_counts() -> None:
    figure = Figure(
        what="memory", value=30.0, unit="GB/s", source="https://example.org/x", date="2026-11-22"
    )
    profile = replace(_CPU, figures=(figure, replace(figure, value=60.0)))
    published = known_bandwidth(_HERE, profile, "processor", None)
    assert published is not None
    assert (published.low_bytes_s, published.high_bytes_s) == (30 * _GB, 60 * _GB)
    assert "https://example.org/x" in published.basis
    bus = MemoryBus(
        channels=2, data_bits=128, speed_mts=3200, is_configured=True,
        bandwidth_bytes_per_s=51_200_000_000,
    )  # fmt: skip
    here = replace(_HERE, memory=replace(_HERE.memory, bus=bus))
    by_modules = known_bandwidth(here, profile, "processor", None)
    assert by_modules is not None
    assert by_modules.low_bytes_s == 51_200_000_000
    measured = MeasuredBandwidth(bytes_s=4e10, date="2026-11-22T10:00:00+00:00", machine="")
    here_measured = known_bandwidth(here, profile, "processor", measured)
    assert here_measured is not None
    assert here_measured.low_bytes_s == pytest.approx(4e10 / READABLE)
    assert "2026-11-22" in here_measured.basis_fr
    card = known_bandwidth(here, profile, "card", measured)
    assert card == published
    assert known_bandwidth(_HERE, replace(_CPU, figures=()), "processor", None) is None


def test_only_the_chosen_experts_are_read_and_the_embedding_is_not() -> None:
    header = read_header(factory_model_path())
    whole = token_bytes(header, "f16", 0)
    assert whole <= header.weights_bytes
    assert token_bytes(header, "f16", 100) > token_bytes(header, "q8_0", 100) > whole
    mixture = replace(header, n_expert=8, n_expert_used=2, expert_bytes=header.block_bytes // 2)
    saved = whole - token_bytes(mixture, "f16", 0)
    assert saved == pytest.approx(header.block_bytes // 2 * 0.75, abs=1)


def test_shares_are_fractions_in_order() -> None:
    for kind in get_args(Kind):
        for mixture in (False, True):
            share = share_of(kind, is_mixture=mixture)
            assert 0 < share.low < share.high <= 1


def test_memory_is_really_read_once_and_remembered_for_this_machine(tmp_path: Path) -> None:
    assert read_memory(2**22, 2) > _GB / 10
    record = SpeedRecord(tmp_path)
    MemoryMeter(record).settle(_HERE)
    measured = record.known(_HERE).bandwidth
    assert measured is not None
    assert measured.machine == "A processor, 2 CPUs, 16 GiB"
    asked: list[int] = []

    def counting(size_bytes: int, threads: int) -> tuple[str, ...]:
        asked.append(threads)
        return read_command(size_bytes, threads)

    MemoryMeter(record, command=counting).settle(_HERE)
    assert asked == []
    other = replace(_HERE, cpu=replace(_HERE.cpu, model="Another"))
    assert record.known(other).bandwidth is None


@pytest.mark.parametrize(
    "program", ["import os; os.abort()", "input()", "print('fast')", "print(1e30)", "print('nan')"]
)
def test_a_measurement_that_fails_costs_the_figure_only(tmp_path: Path, program: str) -> None:
    record = SpeedRecord(tmp_path)
    command = (sys.executable, "-c", program)
    assert MemoryMeter(record, command=lambda *_: command, time_limit_s=5).measure(_HERE) is None
    assert record.known(_HERE).bandwidth is None
    small = replace(_HERE, memory=Memory(total_bytes=2**29, available_bytes=2**28))
    assert MemoryMeter(record).measure(small) is None


def described(*turns: Turn) -> EngineDescription:
    return EngineDescription(
        model="m", name="m", description="", licence="", num_parameters=1, size_bytes=1, n_ctx=1,
        n_ctx_train=1, num_slots=1, threads=1, device="cpu", started_at=0.0, num_running=0,
        num_waiting=0, queue_limit=1, kv_cells_used=0, kv_cells_total=1, decode_tokens_per_s=0.0,
        prefill_tokens_per_s=0.0, completion_tokens_total=0, requests_total=0, turns=list(turns),
    )  # fmt: skip


ALONE = Turn(num_streams=1, count=400, total_s=20.0, outside_s=1.0)
SHARED = Turn(num_streams=4, count=9000, total_s=900.0, outside_s=1.0)


def test_real_answers_are_remembered_across_starts(tmp_path: Path) -> None:
    record, clock = SpeedRecord(tmp_path), [0.0]
    watch = SpeedWatch(record, lambda: described(SHARED, ALONE), clock=lambda: clock[0])
    watch.subject = sample(2, 1)
    assert watch.tick() == 600.0
    assert record.known(_HERE).samples == ()
    clock[0] = 600.0
    watch.tick()
    (kept,) = SpeedRecord(tmp_path).known(_HERE).samples
    assert (kept.tokens_s, kept.num_tokens, kept.source) == (20.0, 400, "answers")
    watch.remember()
    assert len(record.known(_HERE).samples) == 1


def test_the_advice_goes_by_what_was_measured_here_and_follows_it(tmp_path: Path) -> None:
    config = Config(data_dir=tmp_path, runtime_dir=tmp_path, profiles_dir=_PROFILES_DIR)
    record = SpeedRecord(tmp_path)
    choice = choose(_HERE, load_profiles(_PROFILES_DIR))
    planned = Planned(
        machine=_HERE,
        choice=choice,
        plan=None,
        no_model_reason=NOTHING,
        verdict=None,
        embedder=None,
    )
    told: list[Recommendation | None] = []

    def advise() -> None:
        note_advice(config, planned, record)
        told.append(msgspec.json.decode(config.advice_file.read_bytes(), type=Recommendation))

    def as_the_catalogue_says() -> Recommendation | None:
        known = record.known(_HERE)
        return recommend(_HERE, choice.profile, load_catalogue(), known=known)

    clock = [0.0]
    advise()
    assert told == [as_the_catalogue_says()]
    watch = SpeedWatch(
        record, lambda: described(ALONE), on_remembered=advise, clock=lambda: clock[0]
    )
    watch.subject = sample(20, 8.0)
    clock[0] = 601.0
    watch.tick()
    assert told[1:] == [as_the_catalogue_says()]
    assert told[0] != told[1]


def test_too_few_answers_or_no_engine_leave_what_was_known(tmp_path: Path) -> None:
    now = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
    assert sampled(sample(2, 1), described(SHARED), now) is None
    assert sampled(sample(2, 1), described(replace(ALONE, count=100)), now) is None

    def gone() -> EngineDescription:
        raise EngineUnavailableError("The engine does not answer.")

    watch = SpeedWatch(SpeedRecord(tmp_path), gone)
    watch.remember()
    watch.subject = sample(2, 1)
    watch.remember()
    assert SpeedRecord(tmp_path).known(_HERE).samples == ()
    (tmp_path / "speed.json").write_bytes(b'{"bandwidth": 7')
    assert SpeedRecord(tmp_path).known(_HERE).bandwidth is None


def test_the_engine_shows_what_it_reached_once_that_is_enough() -> None:
    expected = SpeedFigure(low_tokens_s=5.0, high_tokens_s=15.0, basis=SpeedBasis.ESTIMATED)
    assert observed(expected, [replace(ALONE, count=199)]) == expected
    assert observed(expected, [SHARED]) == expected
    seen = observed(expected, [ALONE, SHARED])
    assert (seen.basis, span(seen)) == (SpeedBasis.MEASURED, (20.0, 20.0))


def test_who_waits_least_is_waited_for() -> None:
    assert soonest(None, 3.0, 1.0) == 1.0
    assert soonest(None, None) is None


def test_a_race_on_this_machine_is_the_figure_of_the_next_look(tmp_path: Path) -> None:
    program = 'print(\'{"prefill_tokens_s": 100, "decode_tokens_s": 30}\')'
    race = Race(tmp_path, command=lambda *_: (sys.executable, "-c", program))
    record = SpeedRecord(tmp_path)
    before = inspect(_HERE, _PROFILES_DIR, None, race, record)
    assert before.plan is not None
    assert before.plan.speed.basis is SpeedBasis.UNKNOWN
    after = inspect(_HERE, _PROFILES_DIR, None, race, record, race_now=True)
    assert after.plan is not None
    assert after.plan.speed.words() == "30 tokens/s (measured here)"
    assert after.plan.speed.prompt_tokens_s == 100.0
