# SPDX-License-Identifier: Apache-2.0
"""Whole boxes, with a Vulkan device in software beside the processor."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openai

if TYPE_CHECKING:
    from tests.integration.running_box import RunningBox

BoxStarter = Callable[..., "RunningBox"]
BadDriver = Callable[[str], Path]


def answer(box: "RunningBox") -> str:
    """What the box writes for one question."""
    with openai.OpenAI(base_url=box.ready["api_base"], api_key=box.key, max_retries=0) as client:
        reply = client.chat.completions.create(
            model=box.ready["model"],
            messages=[{"role": "user", "content": "Comment ajouter une imprimante ?"}],
            temperature=0.0,
            max_tokens=24,
        )
    return reply.choices[0].message.content or ""


def race_file(box: "RunningBox") -> Path:
    return box.data_dir / "state" / "race.json"


def plan(box: "RunningBox") -> dict[str, Any]:
    """What the engine was told to do."""
    found: dict[str, Any] = json.loads((box.runtime_dir / "engine-plan.json").read_bytes())
    return found


def test_a_first_boot_races_and_later_ones_remember(start_box: BoxStarter) -> None:
    box = start_box(GGML_VK_VISIBLE_DEVICES="0")
    said = answer(box)
    assert said.strip()
    assert plan(box)["device"] == "CPU"
    assert any("CPU was measured to be best" in reason for reason in plan(box)["reasons"])
    remembered = race_file(box).read_bytes()
    (verdict,) = json.loads(remembered)
    assert [result["name"] for result in verdict["results"]] == ["CPU", "Vulkan0"]
    assert all(result["speed"] for result in verdict["results"])
    assert box.stop() == 0

    # Had the device won, the box would run on it and answer the same.
    verdict["winner"] = "Vulkan0"
    race_file(box).write_text(json.dumps([verdict]))
    again = start_box(GGML_VK_VISIBLE_DEVICES="0")
    assert json.loads(race_file(again).read_bytes())[0]["date"] == verdict["date"]
    assert (plan(again)["device"], plan(again)["n_gpu_layers"]) == ("Vulkan0", 7)
    assert answer(again) == said
    assert again.stop() == 0


def test_a_driver_that_hangs_costs_a_line_in_the_log_and_not_the_box(
    start_box: BoxStarter, bad_driver: BadDriver
) -> None:
    manifest = bad_driver("for (;;) pause()")
    box = start_box(VK_DRIVER_FILES=str(manifest))
    assert answer(box).strip()
    assert not race_file(box).exists()
    assert box.stop() == 0


def test_a_driver_that_aborts_costs_no_box(start_box: BoxStarter, bad_driver: BadDriver) -> None:
    box = start_box(VK_DRIVER_FILES=str(bad_driver("abort()")))
    assert answer(box).strip()
    assert box.stop() == 0


def test_a_driver_that_breaks_only_when_it_computes_loses_the_race(
    start_box: BoxStarter, false_driver: Path
) -> None:
    box = start_box(GGML_VK_VISIBLE_DEVICES="0", VK_DRIVER_FILES=str(false_driver))
    (verdict,) = json.loads(race_file(box).read_bytes())
    assert verdict["winner"] == "CPU"
    (failed,) = [each for each in verdict["results"] if each["speed"] is None]
    assert (failed["name"], failed["problem"]) == ("Vulkan0", "crashed")
    assert any(issue.startswith("Vulkan0 was left out") for issue in plan(box)["issues"])
    assert answer(box).strip()
    assert box.stop() == 0
