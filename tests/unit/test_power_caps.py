# SPDX-License-Identifier: Apache-2.0
"""Limits of power: lowered within bounds, and put back as they were whatever comes in between."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from tests.unit.power_caps import FakeNvml, write_package, write_policy

from atre.ipc.cap_messages import CapBasis, CapKind, CapState
from atre.power.caps import cap as cap_module
from atre.power.caps.cap import Cap, CapError
from atre.power.caps.choice import PLAIN, UNCAPPED, choose, values
from atre.power.caps.holder import CapHolder
from atre.power.caps.nvidia_limit import nvidia_limits
from atre.power.caps.rapl_limit import rapl_limits
from atre.power.caps.writer import file_caps
from atre.power.thread_choice import Work
from atre.system.durable import write_durably

MACHINES = sorted((Path(__file__).parents[1] / "machines").iterdir())


def holder(root: Path) -> CapHolder:
    return CapHolder(lambda: file_caps(root), root / "caps.json")


def by_name(states: Sequence[CapState]) -> dict[str, CapState]:
    return {state.name: state for state in states}


def test_a_package_is_capped_in_both_its_places_and_put_back_exactly(tmp_path: Path) -> None:
    msr = write_package(tmp_path, limit_w=28)
    mmio = write_package(tmp_path, "intel-rapl-mmio:0", limit_w=20)
    write_package(tmp_path, "intel-rapl:1", name="psys", limit_w=60)
    held = holder(tmp_path)
    (state,) = held.hold({"rapl:package-0": 9.0})
    assert (state.now, state.before, state.reason) == (9.0, 20.0, None)
    assert (msr.read_text(), mmio.read_text()) == ("9000000", "9000000")
    held.restore()
    assert (msr.read_text(), mmio.read_text()) == ("28000000", "20000000")
    assert holder(tmp_path).restore()[0].before is None


def test_nothing_is_set_above_what_was_or_below_what_the_hardware_takes(tmp_path: Path) -> None:
    limit = write_package(tmp_path, limit_w=10)
    held = holder(tmp_path)
    assert held.hold({"rapl:package-0": 12.0})[0].before is None
    assert limit.read_text() == "10000000\n"
    held.hold({"rapl:package-0": 0.001})
    assert limit.read_text() == "6000000"  # 0.4 of 15 W, for the kernel tells of no minimum
    held.hold({"rapl:package-0": 12.0})
    assert limit.read_text() == "10000000\n".strip()
    write_package(tmp_path, limit_w=10, constraint_0_min_power_uw=8_000_000)
    holder(tmp_path).hold({"rapl:package-0": -3.0})
    assert limit.read_text() == "8000000"


def test_a_limit_that_is_switched_off_or_no_long_one_is_left_alone(tmp_path: Path) -> None:
    write_package(tmp_path, enabled=0)
    write_package(tmp_path, "intel-rapl:1", name="package-1", constraint_0_name="short_term")
    off, short = holder(tmp_path).hold({"rapl:package-0": 9.0, "rapl:package-1": 9.0})
    assert off.reason is not None
    assert "switched off" in off.reason.text
    assert short.reason is not None
    assert short.now is None


@pytest.mark.parametrize("garbage", ["", "N/A", "-1", "1e9", "\x00\xff", "9" * 40, "0"])
def test_garbage_is_no_figure(tmp_path: Path, garbage: str) -> None:
    write_package(tmp_path, limit_w=garbage, usual_w=garbage)
    write_policy(tmp_path, preference=garbage, offered=garbage)
    for state in holder(tmp_path).hold({"rapl:package-0": 9.0, "epp": 2.0}):
        assert state.before is None
        assert state.reason is not None or state.kind is CapKind.PREFERENCE


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_recorded_machines_have_no_cap_or_one_that_reads(machine: Path) -> None:
    for cap in file_caps(machine):
        state = cap.read()
        assert (state.now is None) == (state.reason is not None and state.low is None)


def test_preferences_are_lowered_and_each_is_put_back_as_it_was(tmp_path: Path) -> None:
    fast = write_policy(tmp_path, 0, "performance")
    number = write_policy(tmp_path, 1, "100")
    low = write_policy(tmp_path, 2, "power")
    held = holder(tmp_path)
    (state,) = held.hold({"epp": 2.0})
    assert (state.now, state.before) == (2.0, 4.0)
    assert [f.read_text() for f in (fast, number, low)] == ["balance_power"] * 2 + ["power\n"]
    held.restore()
    assert [f.read_text().strip() for f in (fast, number, low)] == ["performance", "100", "power"]


def test_the_governor_performance_allows_no_saving(tmp_path: Path) -> None:
    preference = write_policy(tmp_path, governor="performance")
    (state,) = holder(tmp_path).hold({"epp": 2.0})
    assert state.reason is not None
    assert "performance" in state.reason.text
    assert preference.read_text() == "balance_performance\n"


def test_a_processor_that_offers_no_such_preference_says_so(tmp_path: Path) -> None:
    write_policy(tmp_path, offered="performance power")
    (state,) = holder(tmp_path).hold({"epp": 2.0})
    assert state.reason is not None
    assert state.before is None


def test_a_card_is_capped_within_its_driver_s_bounds(tmp_path: Path) -> None:
    library = FakeNvml()
    held = CapHolder(lambda: nvidia_limits(library), tmp_path / "caps.json")
    (state,) = held.hold({"nvml:GPU-1": 180.0})
    assert (state.now, state.before) == (180.0, 300.0)
    held.hold({"nvml:GPU-1": 1.0})
    assert library.now == 100_000
    held.restore()
    assert library.now == 300_000


def test_a_driver_that_refuses_is_told_and_asked_no_more(tmp_path: Path) -> None:
    library = FakeNvml(code=4)
    held = CapHolder(lambda: nvidia_limits(library), tmp_path / "caps.json")
    for _ in range(2):
        (state,) = held.hold({"nvml:GPU-1": 180.0})
        assert state.reason is not None
        assert "atre-nvidia-caps" in state.reason.text
        assert state.before is None
        library.code = 9  # another answer would show that it was asked again


def test_a_card_without_bounds_is_never_set(tmp_path: Path) -> None:
    library = FakeNvml(low=0)
    held = CapHolder(lambda: nvidia_limits(library), tmp_path / "caps.json")
    assert held.hold({"nvml:GPU-1": 180.0})[0].reason is not None
    assert library.now == 300_000


def test_what_another_program_set_meanwhile_is_theirs(tmp_path: Path) -> None:
    limit = write_package(tmp_path)
    held = holder(tmp_path)
    held.hold({"rapl:package-0": 9.0})
    limit.write_text("12000000\n")
    (state,) = held.hold({"rapl:package-0": 9.0})
    assert state.reason is not None
    assert state.now == 12.0
    held.restore()
    assert limit.read_text() == "12000000\n"


def test_a_limit_that_ignores_what_is_written_is_called_locked(tmp_path: Path) -> None:
    write_package(tmp_path)
    (cap,) = rapl_limits(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cap, "set", lambda _: None)
        (state,) = CapHolder(lambda: [cap], tmp_path / "caps.json").hold({cap.name: 9.0})
    assert state.reason is not None
    assert "locked" in state.reason.text


def test_a_file_that_went_away_is_a_reason(tmp_path: Path) -> None:
    limit = write_package(tmp_path)
    (cap,) = rapl_limits(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cap, "_limits", lambda: {"sys/class/powercap/gone": 15.0})
        with pytest.raises(CapError) as caught:
            cap.set(9.0)
    assert "gone" in caught.value.reason.text
    assert limit.read_text() == "15000000\n"


def test_without_room_to_note_what_was_nothing_is_changed(tmp_path: Path) -> None:
    limit = write_package(tmp_path)
    (tmp_path / "full").write_bytes(b"")  # a file where the folder should be
    held = CapHolder(lambda: file_caps(tmp_path), tmp_path / "full" / "caps.json")
    assert held.hold({"rapl:package-0": 9.0})[0].reason is not None
    assert limit.read_text() == "15000000\n"


class _CutError(Exception):
    """The power went."""


def _cuts(patch: pytest.MonkeyPatch, after: int) -> None:
    """From the step with that number on, no file is written: neither a limit nor the record."""
    steps = iter(range(after))

    def counted(write: object) -> object:
        def step(*arguments: object, **options: object) -> object:
            if next(steps, None) is None:
                raise _CutError
            return write(*arguments, **options)  # type: ignore[operator]

        return step

    for module in ("rapl_limit", "energy_preference"):
        patch.setattr(f"atre.power.caps.{module}.write_setting", counted(cap_module.write_setting))
    patch.setattr("atre.power.caps.holder.write_durably", counted(write_durably))


def test_a_power_cut_at_any_step_is_put_right_at_the_next_start(tmp_path: Path) -> None:
    files = [
        write_package(tmp_path, limit_w=28),
        write_package(tmp_path, "intel-rapl-mmio:0", limit_w=20),
        write_policy(tmp_path, 0, "performance"),
        write_policy(tmp_path, 1, "100"),
    ]
    before = [file.read_text().strip() for file in files]

    def session() -> Iterator[None]:
        held = holder(tmp_path)
        yield held.hold({"rapl:package-0": 9.0, "epp": 2.0})  # type: ignore[misc]
        yield held.hold({"rapl:package-0": 12.0, "epp": 2.0})  # type: ignore[misc]
        yield held.restore()  # type: ignore[misc]

    num_cuts = 0
    for after in range(100):
        with pytest.MonkeyPatch.context() as patch:
            _cuts(patch, after)
            try:
                list(session())
            except _CutError:
                num_cuts += 1
            else:
                break
        holder(tmp_path).restore()
        assert [file.read_text().strip() for file in files] == before, after
        assert not holder(tmp_path)._kept
    assert num_cuts >= 10


def test_a_record_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    limit = write_package(tmp_path)
    for content in (b"", b"{", b"[]", b'{"rapl:package-0": {"saved": 3}}', b"\xff"):
        (tmp_path / "caps.json").write_bytes(content)
        assert holder(tmp_path).restore()[0].before is None
    assert limit.read_text() == "15000000\n"


def test_a_record_writes_no_file_but_the_limit_s_own(tmp_path: Path) -> None:
    write_package(tmp_path, limit_w=9)
    (tmp_path / "secret").write_text("9000000")
    (tmp_path / "caps.json").write_text(
        '{"rapl:package-0": {"saved": {"secret": "1"}, "before": 15.0, "value": 9.0}}'
    )
    holder(tmp_path).restore()
    assert (tmp_path / "secret").read_text() == "9000000"


WORK = {
    level: Work(energy_j=j * tokens, tokens=tokens, seconds=60.0)
    for level, j, tokens in (
        (1.0, 3.0, 600.0),
        (0.8, 2.0, 580.0),
        (0.6, 1.5, 400.0),
        (0.45, 1.0, 200.0),
    )
}


def test_without_a_meter_it_is_a_plain_part() -> None:
    assert choose({}, None, has_meter=False) == (PLAIN, CapBasis.PLAIN)


def test_threads_are_measured_first_and_then_each_level() -> None:
    assert choose({}, None, has_meter=True) == (UNCAPPED, CapBasis.LATER)
    done: dict[float, Work] = {UNCAPPED: WORK[1.0]}
    for expected in (0.6, 0.8, 0.45):
        assert choose(done, 10.0, has_meter=True) == (expected, CapBasis.TRIAL)
        done[expected] = WORK[expected]
    # 0.45 takes the least, and less than half as fast as without is too slow.
    assert choose(done, 10.0, has_meter=True) == (0.6, CapBasis.MEASURED)


def test_the_part_is_of_the_lower_of_what_was_and_what_the_hardware_is_made_for() -> None:
    package = CapState(name="a", kind=CapKind.PROCESSOR, now=9.0, usual=15.0, before=28.0)
    card = CapState(name="b", kind=CapKind.CARD, now=200.0, usual=300.0)
    preference = CapState(name="epp", kind=CapKind.PREFERENCE, now=3.0)
    unknown = CapState(name="c", kind=CapKind.CARD)
    states = [package, card, preference, unknown]
    assert values(states, 0.6) == {"a": pytest.approx(9.0), "b": 120.0, "epp": 2.0}
    assert values(states, UNCAPPED) == {}


def test_every_cap_is_a_cap(tmp_path: Path) -> None:
    write_package(tmp_path)
    write_policy(tmp_path)
    caps: list[Cap] = [*file_caps(tmp_path), *nvidia_limits(FakeNvml())]
    assert by_name([cap.read() for cap in caps]).keys() == {"rapl:package-0", "epp", "nvml:GPU-1"}
