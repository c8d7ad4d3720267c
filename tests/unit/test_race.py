# SPDX-License-Identifier: Apache-2.0
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from atre.config import Config
from atre.engine_plan import EnginePlan
from atre.errors import ModelLoadError
from atre.hardware.choose import choose
from atre.hardware.machine import Cpu, DeviceType, GgmlDevice, IssueCode, Machine, Memory, PciDevice
from atre.hardware.profiles import load_profiles
from atre.hardware.usage import UseCode
from atre.models.gguf_header import read_header
from atre.plan.fit import fit
from atre.plan.planning import factory_model_path, note, outcome, plan_engine, plan_with
from atre.plan.race.candidates import PROCESSOR, Candidate, Field, ModelIdentity, candidates
from atre.plan.race.race import Race, measure_command
from atre.plan.race.verdict import Basis, Result, Speed, Verdict, judge, use_codes
from atre.plan.speed.record import SpeedRecord

_PROFILES = load_profiles(Path(__file__).parents[2] / "hardware-profiles")
_HEADER = read_header(factory_model_path())


def gpu(name: str, kind: DeviceType = DeviceType.GPU) -> GgmlDevice:
    return GgmlDevice(
        name=name,
        description=f"GPU of {name}",
        type=kind,
        memory_total_bytes=8 * 2**30,
        memory_free_bytes=8 * 2**30,
        pci_address=f"0000:0{len(name)}:00.0",
    )


_CPU = GgmlDevice(name="CPU", description="a processor", type=DeviceType.CPU)


def machine_with(*devices: GgmlDevice) -> Machine:
    return Machine(
        os="linux",
        gpus=(),
        cpu=Cpu(architecture="x86_64", physical_cores=2, logical_cpus=2),
        memory=Memory(total_bytes=16 * 2**30, available_bytes=12 * 2**30),
        devices=(*devices, _CPU),
    )


class Fake:
    """In place of the child that measures: a program for each candidate, and who was asked."""

    def __init__(self, **programs: str) -> None:
        self.programs = programs
        self.asked: list[str] = []

    def __call__(self, candidate: Candidate, _plan: Path, _limit_s: float) -> tuple[str, ...]:
        self.asked.append(candidate.name)
        return (sys.executable, "-c", self.programs[candidate.name])


def says(prefill: float, decode: float, *, is_disturbed: bool = False) -> str:
    speed = Speed(prefill_tokens_s=prefill, decode_tokens_s=decode, is_disturbed=is_disturbed)
    return f"print({msgspec.json.encode(speed).decode()!r})"


def settle(
    tmp_path: Path, machine: Machine, fake: Fake, time_limit_s: float = 20.0
) -> Verdict | None:
    race = Race(tmp_path / "state", command=fake, time_limit_s=time_limit_s)
    return race.settle(machine, choose(machine, _PROFILES).profile, _HEADER)


def field(*kinds: str) -> Field:
    names = {
        "processor": PROCESSOR, "integrated": "Vulkan0", "card": "CUDA0", "software": "Vulkan1",
    }  # fmt: skip
    return Field(
        candidates=tuple(
            msgspec.convert({"name": names[kind], "description": "", "kind": kind}, type=Candidate)
            for kind in kinds
        ),
        model=ModelIdentity(name="m", size_bytes=1, changed_ns=1),
        llama_version="1",
    )


def speed(decode: float, prefill: float = 100.0, joules: float | None = None) -> Speed:
    return Speed(prefill_tokens_s=prefill, decode_tokens_s=decode, joules_per_token=joules)


def winner(*speeds: Speed, eco: bool = False) -> str | None:
    raced = field("processor", "integrated", "card")
    names = [candidate.name for candidate in raced.candidates]
    results = [Result(name=name, speed=found) for name, found in zip(names, speeds, strict=False)]
    return judge(raced, results, eco=eco, date="").winner


def test_a_gpu_that_is_slower_than_the_processor_loses() -> None:
    # gemma3:4b on an i5-12450H, processor and GPU, as ollama's issue 14953 reports.
    assert winner(speed(12.85), speed(7.94)) == PROCESSOR
    assert winner(speed(12.85), speed(57.7)) == "Vulkan0"


def test_a_gpu_must_be_better_over_the_turn_and_never_write_much_slower() -> None:
    assert winner(speed(10.0), speed(10.0)) == PROCESSOR
    # Reads ten times as fast: a whole turn is shorter, but the answer comes 10 % slower.
    assert winner(speed(10.0, 20.0), speed(9.0, 200.0)) == PROCESSOR
    assert winner(speed(10.0, 20.0), speed(9.6, 200.0)) == "Vulkan0"
    assert winner(speed(10.0, 100.0), speed(10.1, 5.0)) == PROCESSOR


@pytest.mark.parametrize("decode", [1.0, 9.4, 9.5, 10.0, 10.1, 30.0])
@pytest.mark.parametrize("prefill", [5.0, 99.0, 100.0, 101.0, 900.0])
def test_the_winner_is_never_slower_than_the_processor(decode: float, prefill: float) -> None:
    processor, device = speed(10.0), speed(decode, prefill)
    won = device if winner(processor, device) == "Vulkan0" else processor
    assert won.decode_tokens_s >= 0.95 * processor.decode_tokens_s
    assert won.turn_tokens_s >= processor.turn_tokens_s


def test_whoever_alone_can_run_the_model_wins() -> None:
    raced = field("processor", "card")
    failed = Result(name=PROCESSOR, problem=IssueCode.FAILED, detail="no memory")
    verdict = judge(raced, [failed, Result(name="CUDA0", speed=speed(9.0))], eco=False, date="")
    assert verdict.winner == "CUDA0"
    assert judge(raced, [failed], eco=False, date="").winner is None


def test_a_device_in_software_wins_only_if_nothing_else_runs_the_model() -> None:
    raced = field("processor", "software")
    # As it was measured on a machine whose processors were busy with something else.
    disturbed = [
        Result(name=PROCESSOR, speed=speed(3.6, 27.8)),
        Result(name="Vulkan1", speed=speed(5.9, 30.0)),
    ]
    verdict = judge(raced, disturbed, eco=False, date="")
    assert verdict.winner == PROCESSOR
    assert use_codes(verdict) == {"Vulkan1": UseCode.SOFTWARE}
    failed = Result(name=PROCESSOR, problem=IssueCode.FAILED, detail="no memory")
    assert judge(raced, [failed, disturbed[1]], eco=False, date="").winner == "Vulkan1"
    crashed = Result(name="Vulkan1", problem=IssueCode.CRASHED, detail="signal 6")
    verdict = judge(raced, [disturbed[0], crashed], eco=False, date="")
    assert use_codes(verdict) == {"Vulkan1": UseCode.RACE_CRASHED}


def test_in_eco_mode_joules_decide_if_they_cover_every_device() -> None:
    fast, frugal = speed(20.0, joules=3.0), speed(5.0, joules=1.0)
    raced = field("processor", "integrated")
    results = [Result(name=PROCESSOR, speed=fast), Result(name="Vulkan0", speed=frugal)]
    verdict = judge(raced, results, eco=True, date="")
    assert (verdict.winner, verdict.basis) == ("Vulkan0", Basis.TOKENS_PER_JOULE)
    assert judge(raced, results, eco=False, date="").winner == PROCESSOR


def test_in_eco_mode_a_card_that_no_meter_sees_is_judged_by_speed_and_that_is_said() -> None:
    raced = field("processor", "card")
    results = [
        Result(name=PROCESSOR, speed=speed(20.0, joules=3.0)),
        Result(name="CUDA0", speed=speed(5.0, joules=1.0)),
    ]
    verdict = judge(raced, results, eco=True, date="")
    assert (verdict.winner, verdict.basis) == (PROCESSOR, Basis.TOKENS_PER_SECOND)
    assert "no meter covers every device" in verdict.reason
    assert "aucun compteur" in verdict.reason_fr


def test_a_candidate_that_aborts_and_one_that_sleeps_are_survived_and_named(
    tmp_path: Path,
) -> None:
    machine = machine_with(gpu("CUDA0"), gpu("Vulkan0", DeviceType.IGPU))
    fake = Fake(
        CPU=says(50.0, 10.0),
        CUDA0="import os; os.abort()",
        Vulkan0="import signal; signal.pause()",
    )
    verdict = settle(tmp_path, machine, fake, time_limit_s=3.0)
    assert verdict is not None
    assert verdict.winner == PROCESSOR
    assert {result.name: result.problem for result in verdict.results} == {
        "CPU": None,
        "CUDA0": IssueCode.CRASHED,
        "Vulkan0": IssueCode.TIMED_OUT,
    }
    assert use_codes(verdict) == {
        "CUDA0": UseCode.RACE_CRASHED,
        "Vulkan0": UseCode.RACE_TIMED_OUT,
    }


def test_the_real_processor_runs_the_factory_model_and_a_fake_gpu_loses(tmp_path: Path) -> None:
    machine = machine_with(gpu("CUDA0"))

    def command(candidate: Candidate, plan: Path, limit_s: float) -> tuple[str, ...]:
        if candidate.name == PROCESSOR:
            return measure_command(candidate, plan, limit_s)
        return (sys.executable, "-c", says(0.1, 0.1))

    race = Race(tmp_path, command=command)
    verdict = race.run(machine, choose(machine, _PROFILES).profile, _HEADER)
    assert [result.detail for result in verdict.results] == ["", ""]
    assert verdict.winner == PROCESSOR
    measured = verdict.results[0].speed
    assert measured is not None
    assert measured.prefill_tokens_s > 0.1
    assert measured.decode_tokens_s > 0.1


def test_a_device_that_llama_cpp_does_not_have_fails_with_a_reason(tmp_path: Path) -> None:
    machine = machine_with(gpu("CUDA7"))
    race = Race(tmp_path)
    result = race.run(machine, choose(machine, _PROFILES).profile, _HEADER).results[1]
    assert result.problem is IssueCode.FAILED
    assert result.detail.startswith("llama.cpp no longer sees the device CUDA7")


def test_with_the_processor_alone_nothing_is_raced(tmp_path: Path) -> None:
    fake = Fake()
    assert settle(tmp_path, machine_with(), fake) is None
    assert fake.asked == []
    assert not (tmp_path / "state").exists()


def test_the_verdict_is_remembered_until_devices_model_or_llama_cpp_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = Fake(CPU=says(10.0, 10.0), CUDA0=says(90.0, 90.0), Vulkan0=says(20.0, 20.0))
    machine = machine_with(gpu("CUDA0"))
    first = settle(tmp_path, machine, fake)
    assert first is not None
    assert first.winner == "CUDA0"
    assert settle(tmp_path, machine, fake) == first
    assert fake.asked == ["CPU", "CUDA0"]
    settle(tmp_path, machine_with(gpu("CUDA0"), gpu("Vulkan0")), fake)
    assert fake.asked[2:] == ["CPU", "CUDA0", "Vulkan0"]
    assert settle(tmp_path, machine, fake) == first
    assert fake.asked[5:] == []
    monkeypatch.setattr("atre.plan.race.race.version", lambda _name: "99")
    settle(tmp_path, machine, fake)
    assert fake.asked[5:] == ["CPU", "CUDA0"]
    other = tmp_path / "other.gguf"
    other.write_bytes(factory_model_path().read_bytes())
    race = Race(tmp_path / "state", command=fake)
    race.settle(machine, choose(machine, _PROFILES).profile, read_header(other))
    assert fake.asked[7:] == ["CPU", "CUDA0"]


def test_a_disturbed_race_is_provisional_until_a_quiet_one(tmp_path: Path) -> None:
    machine = machine_with(gpu("CUDA0"))
    busy = Fake(CPU=says(10, 3, is_disturbed=True), CUDA0=says(100, 8))
    first = settle(tmp_path, machine, busy)
    assert first is not None
    assert "This is provisional" in first.reason
    assert "C’est provisoire" in first.reason_fr
    kept = SpeedRecord(tmp_path / "state").known(machine).samples
    assert [sample.device for sample in kept] == ["CUDA0"]
    quiet = Fake(CPU=says(100, 20), CUDA0=says(100, 8))
    second = settle(tmp_path, machine, quiet)
    assert second is not None
    assert (second.winner, second.is_provisional) == ("CPU", False)
    assert settle(tmp_path, machine, Fake()) == second


def test_a_device_that_took_the_machine_down_does_not_race_again(tmp_path: Path) -> None:
    class PowerCutError(Exception):
        pass

    fake = Fake(CPU=says(10.0, 10.0), CUDA0=says(90.0, 90.0))
    machine = machine_with(gpu("CUDA0"))

    def cut(candidate: Candidate, plan: Path, limit_s: float) -> tuple[str, ...]:
        if candidate.name == "CUDA0":
            raise PowerCutError
        return fake(candidate, plan, limit_s)

    profile = choose(machine, _PROFILES).profile
    with pytest.raises(PowerCutError):
        Race(tmp_path / "state", command=cut).settle(machine, profile, _HEADER)
    verdict = settle(tmp_path, machine, fake)
    assert verdict is not None
    assert (verdict.winner, verdict.results[1].problem) == (PROCESSOR, IssueCode.CRASHED)
    assert fake.asked == ["CPU", "CPU"]
    assert settle(tmp_path, machine, fake) == verdict
    # Asked for by a person, it gets another chance.
    again = Race(tmp_path / "state", command=fake).run(machine, profile, _HEADER)
    assert again.winner == "CUDA0"


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b'{"winner": 3}'])
def test_a_damaged_record_is_raced_again(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "state").mkdir()
    for name in ("race.json", "race-attempt.json"):
        (tmp_path / "state" / name).write_bytes(content)
    fake = Fake(CPU=says(10.0, 10.0), CUDA0=says(90.0, 90.0))
    verdict = settle(tmp_path, machine_with(gpu("CUDA0")), fake)
    assert verdict is not None
    assert verdict.winner == "CUDA0"


def test_eco_mode_is_kept_when_a_race_has_to_be_repeated(tmp_path: Path) -> None:
    fake = Fake(CPU=says(10.0, 10.0), CUDA0=says(90.0, 90.0), Vulkan0=says(20.0, 20.0))
    machine = machine_with(gpu("CUDA0"))
    profile = choose(machine, _PROFILES).profile
    Race(tmp_path / "state", command=fake).run(machine, profile, _HEADER, eco=True)
    repeated = settle(tmp_path, machine_with(gpu("Vulkan0")), fake)
    assert repeated is not None
    assert repeated.eco


def config(tmp_path: Path) -> Config:
    return Config(
        data_dir=tmp_path,
        runtime_dir=tmp_path,
        profiles_dir=Path(__file__).parents[2] / "hardware-profiles",
    )


def planned(tmp_path: Path, machine: Machine, fake: Callable[..., tuple[str, ...]]) -> EnginePlan:
    race = Race(tmp_path / "state", command=fake)
    plan = plan_engine(config(tmp_path), machine, race).plan
    assert plan is not None
    return plan


def test_the_plan_runs_on_the_winner_whatever_the_profile_says(tmp_path: Path) -> None:
    machine = machine_with(gpu("CUDA0"), gpu("Vulkan0"))
    (profile,) = [each for each in _PROFILES if each.name == "generic-cpu"]
    assert profile.run.layers_on_gpu == "none"
    fake = Fake(CPU=says(10.0, 10.0), CUDA0=says(20.0, 20.0), Vulkan0=says(90.0, 90.0))
    verdict = Race(tmp_path / "state", command=fake).settle(machine, profile, _HEADER)
    plan = plan_with(machine, profile, _HEADER, verdict)
    assert planned(tmp_path, machine, fake).device == "Vulkan0"
    assert (plan.device, plan.n_gpu_layers) == ("Vulkan0", _HEADER.n_layer + 1)
    assert plan.reasons[-1].startswith("Vulkan0 was measured to be best")
    assert plan.issues == []


def test_the_plan_names_what_crashed_and_runs_on_the_processor(tmp_path: Path) -> None:
    machine = machine_with(gpu("CUDA0"))
    fake = Fake(CPU=says(10.0, 10.0), CUDA0="import os; os.abort()")
    plan = planned(tmp_path, machine, fake)
    assert (plan.device, plan.n_gpu_layers) == (PROCESSOR, 0)
    assert len(plan.issues) == 1
    assert plan.issues[0].startswith("CUDA0 was left out when the devices were measured: killed by")
    found = outcome(plan, choose(machine, _PROFILES).profile, None)
    assert found is not None
    assert found.chosen is None


def test_the_status_page_hears_why_a_gpu_stands_idle_in_both_languages(tmp_path: Path) -> None:
    on_bus = PciDevice(address="0000:05:00.0", vendor_id="10de", device_id="2504", driver="nvidia")
    machine = replace(machine_with(gpu("CUDA0")), gpus=(on_bus,))
    fake = Fake(CPU=says(10.0, 10.0), CUDA0=says(1.0, 1.0))
    told = note(plan_engine(config(tmp_path), machine, Race(tmp_path, command=fake)))
    assert "; CPU was measured to be best" in told.reason
    assert told.reason.count("0000:05:00.0: not used: the processor was measured") == 1
    assert "CPU a été mesuré le meilleur" in told.reason_fr
    assert "CPU 10,0 jetons/s / CUDA0 1,0 jetons/s" in told.reason_fr
    assert "le processeur a été mesuré plus rapide" in told.reason_fr
    assert told.issues == []


def test_a_device_is_planned_for_with_the_memory_of_its_own() -> None:
    small = replace(gpu("CUDA0"), memory_total_bytes=2**20, memory_free_bytes=2**20)
    machine = machine_with(small, gpu("Vulkan0"))
    profile = choose(machine, _PROFILES).profile
    assert fit(machine, profile, _HEADER, device="CUDA0").n_gpu_layers == 0
    assert fit(machine, profile, _HEADER, device="Vulkan0").n_gpu_layers == _HEADER.n_layer + 1
    assert fit(machine, profile, _HEADER, device=PROCESSOR).n_gpu_layers == 0


def test_candidates_are_the_processor_first_then_gpus_of_both_kinds() -> None:
    accelerator = replace(_CPU, name="BLAS", type=DeviceType.ACCEL)
    machine = machine_with(gpu("CUDA0"), accelerator, gpu("Vulkan0", DeviceType.IGPU))
    assert [(one.name, one.kind) for one in candidates(machine)] == [
        ("CPU", "processor"),
        ("CUDA0", "card"),
        ("Vulkan0", "integrated"),
    ]
    # llama.cpp lists it only because somebody asked for it by number.
    software = replace(gpu("Vulkan0"), is_software=True)
    assert [one.kind for one in candidates(machine_with(software))] == ["processor", "software"]


def test_a_device_in_software_takes_main_memory_and_only_when_it_is_named() -> None:
    software = replace(gpu("Vulkan0"), is_software=True)
    machine = machine_with(software)
    profile = choose(machine, _PROFILES).profile
    assert fit(machine, profile, _HEADER).n_gpu_layers == 0
    assert fit(machine, profile, _HEADER, device="Vulkan0").n_gpu_layers == _HEADER.n_layer + 1
    # Each side alone has room for it, but it is the same room.
    large = replace(_HEADER, weights_bytes=14 * 2**30, block_bytes=13 * 2**30)
    with pytest.raises(ModelLoadError, match="smaller model"):
        fit(machine, profile, large, device="Vulkan0")
    card = machine_with(gpu("Vulkan0"))
    assert fit(card, profile, large, device="Vulkan0").n_gpu_layers > 0
