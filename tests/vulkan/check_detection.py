# SPDX-License-Identifier: Apache-2.0
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from atre.hardware.detect import detect
from atre.hardware.devices import ask_devices
from atre.hardware.explain import unused_flags
from atre.hardware.machine import DeviceType, IssueCode
from atre.hardware.usage import UseCode, best_gpu, device_uses, shares_main_memory

BadDriver = Callable[[str], Path]


def run_detect(data_dir: Path, *options: str) -> dict[str, Any]:
    command = str(Path(sys.executable).with_name("atre"))
    argv = [command, "detect", "--json", "--data-dir", str(data_dir), *options]
    done = subprocess.run(argv, check=True, capture_output=True)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_a_portable_build_finds_its_libraries_and_the_best_one_for_this_processor() -> None:
    machine = detect()
    assert machine.issues == ()
    assert {"CPU", "Vulkan"} <= set(machine.backends or ())
    # No variant is compiled for Zen 5 with AVX-VNNI; llama.cpp then takes the one for Zen 4.
    assert set(unused_flags(machine)) <= {"avx_vnni"}


def test_a_device_in_software_is_not_listed_unless_somebody_asks_for_it() -> None:
    assert [device.type for device in ask_devices().devices] == [DeviceType.CPU]


@pytest.mark.usefixtures("lavapipe")
def test_a_device_in_software_is_told_from_a_card() -> None:
    machine = detect()
    (software,) = [device for device in machine.devices or () if device.is_software]
    # llama.cpp takes it for a card with memory of its own.
    assert (software.name, software.type) == ("Vulkan0", DeviceType.GPU)
    assert shares_main_memory(machine, software)
    assert best_gpu(machine.devices) is None
    uses = device_uses(machine, runs_on_gpu=False)
    assert [use.code for use in uses if use.device == software] == [UseCode.SOFTWARE]


@pytest.mark.usefixtures("lavapipe")
def test_a_race_measures_it_in_a_child_and_the_processor_stays(
    tmp_path: Path, report: Callable[[str], None]
) -> None:
    found = run_detect(tmp_path, "--race")
    (use,) = [each for each in found["uses"] if each["name"] == "Vulkan0"]
    assert use["code"] == UseCode.SOFTWARE
    (verdict,) = json.loads((tmp_path / "state" / "race.json").read_bytes())
    assert verdict["winner"] == "CPU"
    speeds = {each["name"]: each["speed"] for each in verdict["results"]}
    report("| device | reads tokens/s | writes tokens/s |")
    report("|---|---|---|")
    for candidate in verdict["field"]["candidates"]:
        speed = speeds[candidate["name"]]
        assert speed["decode_tokens_s"] > 0, speeds
        report(
            f"| {candidate['name']}: {candidate['description']} | {speed['prefill_tokens_s']:.1f} "
            f"| {speed['decode_tokens_s']:.1f} |"
        )


@pytest.mark.parametrize(
    ("statement", "code"),
    [("abort()", IssueCode.CRASHED), ("for (;;) pause()", IssueCode.TIMED_OUT)],
)
def test_a_driver_that_ends_or_holds_whoever_loads_it_costs_a_reason(
    bad_driver: BadDriver, monkeypatch: pytest.MonkeyPatch, statement: str, code: IssueCode
) -> None:
    monkeypatch.setenv("VK_DRIVER_FILES", str(bad_driver(statement)))
    found = ask_devices(time_limit_s=3.0)
    assert [issue.code for issue in found.issues] == [code]
    assert found.hidden_backends == ("Vulkan",)
    assert [device.type for device in found.devices] == [DeviceType.CPU]


def test_a_driver_that_cannot_be_loaded_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VK_DRIVER_FILES", str(tmp_path / "none.json"))
    found = ask_devices()
    assert found.issues == ()
    assert [device.type for device in found.devices] == [DeviceType.CPU]
