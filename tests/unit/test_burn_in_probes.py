# SPDX-License-Identifier: Apache-2.0
import io
import json
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import psutil
import pytest

from atre.burn_in.disk import DiskProbe
from atre.burn_in.memory import PIECE_BYTES, MemoryProbe, Words
from atre.burn_in.power import PowerProbe
from atre.burn_in.results import Peak, Smart
from atre.burn_in.run import Probes, Step, run
from atre.burn_in.smart import drive_of, parse_smart
from atre.burn_in.soak import SoakProbe, summed_up
from atre.burn_in.soak_child import Answer
from atre.burn_in.thermals import ThermalProbe
from atre.burn_in.turn import Turn
from atre.engine_plan import EnginePlan
from atre.plan.planning import factory_model_path
from atre.power.reading import Basis, Reading, Scope

_PLAN = EnginePlan(
    model_path=str(factory_model_path()), n_ctx=512, max_sequence_tokens=256, num_slots=1,
    n_batch=64, n_ubatch=64, threads=1, threads_batch=1, cell_bytes=1,
)  # fmt: skip


class Rounds(Turn):
    """A turn in which a watcher looks so often."""

    def __init__(self, count: int) -> None:
        super().__init__(3600.0)
        self._left = count

    def wait(self, seconds: float) -> bool:
        del seconds
        self._left -= 1
        return self._left == 0


def over() -> Turn:
    """A turn without time: a probe works once."""
    return Turn(0.0)


# Memory


def test_good_memory_keeps_every_bit_as_0_and_as_1() -> None:
    found = MemoryProbe(2**16, 2**20).run(over())
    assert (found.tested_bytes, found.total_bytes) == (2**16, 2**20)
    assert (found.patterns, found.wrong_words, found.first_wrong) == (2, 0, "")


class Weak(np.ndarray):
    """Words of which one always has its lowest bit set."""

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, value)
        self.view(np.ndarray)[5] |= np.uint64(1)


def test_a_bit_that_sticks_is_found_by_the_pattern_that_has_it_otherwise() -> None:
    def allocate(count: int) -> Words:
        return np.empty(count, np.uint64).view(Weak)

    found = MemoryProbe(2**10, 2**10, allocate=allocate).run(over())
    assert found.wrong_words == 1  # 5555… has the bit, aaaa… has it not
    assert found.first_wrong == (
        "aaaaaaaaaaaaaaaa: aaaaaaaaaaaaaaab in place of aaaaaaaaaaaaaaaa at offset 40"
    )


def test_each_pattern_runs_while_there_is_time() -> None:
    ticks = iter(range(1000))
    found = MemoryProbe(2**10, 2**10).run(Turn(22.0, clock=lambda: next(ticks)))
    assert found.patterns > 6
    assert found.wrong_words == 0


def test_memory_that_was_promised_and_is_not_given_is_not_called_tested() -> None:
    given = iter([np.empty(PIECE_BYTES // 8, np.uint64)])

    def allocate(_count: int) -> Words:
        try:
            return next(given)
        except StopIteration:
            raise MemoryError from None

    found = MemoryProbe(4 * PIECE_BYTES, 4 * PIECE_BYTES, allocate=allocate).run(over())
    assert found.tested_bytes == PIECE_BYTES


# Disk


def test_a_good_disk_gives_back_what_was_written_and_nothing_stays(tmp_path: Path) -> None:
    smart = Smart(model="Drive", is_passed=True)
    found = DiskProbe(tmp_path, 3 * 2**20, smart=lambda _folder: smart).run(over())
    assert (found.file_bytes, found.rounds, found.wrong_pieces) == (3 * 2**20, 1, 0)
    assert (found.problem, found.smart) == ("", smart)
    assert found.write_bytes_s
    assert found.read_bytes_s
    assert list(tmp_path.iterdir()) == []


class Forgetful(io.FileIO):
    """A disk that gives back something else, or fails."""

    def __init__(self, path: Path, error: OSError | None = None) -> None:
        super().__init__(path, "w+")
        self._error = error

    def read(self, size: int | None = -1, /) -> bytes:
        if self._error:
            raise self._error
        return bytes(super().read(-1 if size is None else size) or b"")[:-1] + b"!"


def test_a_disk_that_gives_back_something_else_is_found_out(tmp_path: Path) -> None:
    def open_file(folder: Path) -> IO[bytes]:
        return Forgetful(folder / "file")

    found = DiskProbe(tmp_path, 2**12, open_file=open_file).run(over())
    assert (found.wrong_pieces, found.rounds) == (1, 1)


def test_an_error_of_the_disk_ends_its_test_alone(tmp_path: Path) -> None:
    def open_file(folder: Path) -> IO[bytes]:
        return Forgetful(folder / "file", OSError(5, os.strerror(5)))

    found = DiskProbe(tmp_path, 2**12, open_file=open_file).run(over())
    assert (found.problem, found.rounds, found.write_bytes_s) == (os.strerror(5), 0, None)


def test_a_drive_is_not_worn_by_its_test(tmp_path: Path) -> None:
    found = DiskProbe(tmp_path, 2**12).run(Turn(3600.0))
    assert found.rounds == 8


_NVME = {
    "model_name": "Made-up NVMe",
    "smart_status": {"passed": True},
    "nvme_smart_health_information_log": {"percentage_used": 3, "media_errors": 0},
    "temperature": {"current": 41},
    "power_on_time": {"hours": 12},
}
_ATA = {
    "model_name": "Made-up SATA",
    "smart_status": {"passed": False},
    "endurance_used": {"current_percent": 7},
    "ata_smart_attributes": {
        "table": [
            {"id": 5, "raw": {"value": 2}},
            {"id": 9, "raw": {"value": 999}},
            {"id": 197, "raw": {"value": 1}},
        ]
    },
}


def test_smartctl_is_read_for_nvme_and_for_ata() -> None:
    assert parse_smart(json.dumps(_NVME).encode()) == Smart(
        model="Made-up NVMe", is_passed=True, wear_percent=3, media_errors=0, temperature_c=41,
        powered_on_h=12,
    )  # fmt: skip
    assert parse_smart(json.dumps(_ATA).encode()) == Smart(
        model="Made-up SATA", is_passed=False, wear_percent=7, media_errors=3
    )


@pytest.mark.parametrize(
    "output", [b"", b"not json", b"[]", b'{"smartctl": {"exit_status": 2}}', b'{"temperature": 3}']
)
def test_a_drive_that_tells_nothing_is_unknown(output: bytes) -> None:
    assert parse_smart(output) is None


def test_the_drive_below_a_partition_below_luks_is_found(tmp_path: Path) -> None:
    number = tmp_path.stat().st_dev
    devices, sys_dir = tmp_path / "devices", tmp_path / "dev"
    partition = devices / "nvme0n1" / "nvme0n1p6"
    partition.mkdir(parents=True)
    (partition / "partition").write_text("6\n")
    mapped = devices / "dm-0"
    (mapped / "slaves").mkdir(parents=True)
    (mapped / "slaves" / "nvme0n1p6").symlink_to(partition)
    sys_dir.mkdir()
    assert drive_of(tmp_path, sys_dir) is None
    (sys_dir / f"{os.major(number)}:{os.minor(number)}").symlink_to(mapped)
    assert drive_of(tmp_path, sys_dir) == "nvme0n1"


# Engine


def test_the_real_engine_writes_until_the_turn_is_over_and_its_process_is_gone() -> None:
    found = SoakProbe(_PLAN).run(over())
    assert found.problem == ""
    assert found.answers >= 1
    assert found.tokens == 64 * found.answers
    assert not [p for p in psutil.Process().children() if "soak_child" in " ".join(p.cmdline())]


def test_a_model_that_cannot_be_loaded_is_the_engine_s_problem(tmp_path: Path) -> None:
    missing = tmp_path / "none.gguf"
    plan = EnginePlan(
        model_path=str(missing), n_ctx=8, max_sequence_tokens=8, num_slots=1, n_batch=8,
        n_ubatch=8, threads=1, threads_batch=1, cell_bytes=1,
    )  # fmt: skip
    found = SoakProbe(plan).run(Turn(3600.0))
    assert found.answers == 0
    assert "none.gguf" in found.problem


@pytest.mark.parametrize(
    ("program", "problem"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "killed by signal 11"),
        ("import sys; sys.stdin.read()", "no answer within 0.5 s"),
        ("pass", "it ended"),
    ],
)
def test_an_engine_that_dies_or_hangs_is_told_apart(program: str, problem: str) -> None:
    probe = SoakProbe(
        _PLAN, command=lambda _plan: (sys.executable, "-c", program), silence_limit_s=0.5
    )
    assert probe.run(Turn(3600.0)).problem.startswith(problem)


def test_the_speeds_at_both_ends_are_medians_without_the_first_answer() -> None:
    seconds = [9.0, 1.0, 1.0, 5.0, 2.0, 2.0, 2.0]
    found = summed_up("m", [Answer(10, each) for each in seconds], "", is_disturbed=False)
    assert (found.first_tokens_s, found.last_tokens_s, found.slowest_tokens_s) == (10, 5, 2)
    few = summed_up("m", [Answer(10, each) for each in seconds[:6]], "", is_disturbed=False)
    assert few.first_tokens_s is few.last_tokens_s is None


# Heat and power


def test_the_highest_word_of_each_sensor_is_kept_and_throttling_counted(tmp_path: Path) -> None:
    counter = tmp_path / "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count"
    counter.parent.mkdir(parents=True)
    counter.write_text("3\n")
    words = iter([50.0, 71.0, 60.0])

    def read() -> Iterator[Peak]:
        yield Peak(sensor="cpu/0", max_c=next(words), limit_c=100.0)
        counter.write_text("5\n")

    found = ThermalProbe(tmp_path, read).run(Rounds(3))
    assert found.peaks == (Peak(sensor="cpu/0", max_c=71.0, limit_c=100.0),)
    assert found.throttled == 2


def test_a_machine_that_counts_no_throttling_is_not_called_cool(tmp_path: Path) -> None:
    assert ThermalProbe(tmp_path, lambda: iter(())).run(over()).throttled is None


class Plug:
    """A source of power that counts."""

    closed = False

    def read(self, now_s: float) -> list[Reading]:
        return [
            Reading(
                source="plug:x", scope=Scope.WALL, basis=Basis.PLUG, at_s=now_s, power_w=20.0,
                energy_j=20.0 * now_s,
            )
        ]  # fmt: skip

    def close(self) -> None:
        self.closed = True


def test_power_is_told_with_its_source_and_time() -> None:
    plug, seconds = Plug(), iter([0.0, 1.0, 2.0])
    found = PowerProbe(lambda: [plug], clock=lambda: next(seconds)).run(Rounds(3))
    assert (found.mean_w, found.max_w, found.covered_s) == (20.0, 20.0, 2.0)
    assert found.sources == "plug:x"
    assert plug.closed


def test_a_machine_without_a_meter_is_unknown_and_not_0() -> None:
    found = PowerProbe(list).run(over())
    assert (found.mean_w, found.max_w, found.sources) == (None, None, "")


# All of it


class Broken(MemoryProbe):
    """Somebody presses Ctrl-C."""

    def __init__(self) -> None:
        super().__init__(8, 8)

    def run(self, turn: Turn) -> None:  # type: ignore[override]
        del turn
        raise KeyboardInterrupt


def probes(folder: Path, memory: MemoryProbe) -> Probes:
    return Probes(
        memory=memory,
        disk=DiskProbe(folder, 2**12),
        soak=None,
        thermals=ThermalProbe(folder, lambda: iter(())),
        power=PowerProbe(list),
        no_soak="no model",
    )


def test_a_run_tells_what_it_does_and_how_far_it_is(tmp_path: Path) -> None:
    told: list[tuple[Step, float, float]] = []
    found = run(probes(tmp_path, MemoryProbe(2**10, 2**10)), 0.01, lambda *each: told.append(each))
    assert (found.soak, found.no_soak) == (None, "no model")
    assert {step for step, _, _ in told} == {"memory", "disk"}
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)
    assert all(left_s >= 0 for _, _, left_s in told)


def test_a_run_that_is_cancelled_ends_its_watchers_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(probes(tmp_path, Broken()), 3600.0, lambda *_told: None)
    assert not [each for each in threading.enumerate() if each.name.startswith("burn-in")]
    assert list(tmp_path.iterdir()) == []
