# SPDX-License-Identifier: Apache-2.0
"""A flashed unit starts, is found by its name, is claimed, answers, and goes off cleanly."""

from tests.image.first_start import FirstStart


def test_it_is_ready_with_its_data_on_the_disk(started: FirstStart) -> None:
    assert started.ready.data == "plain"  # this machine has no TPM


def test_an_office_pc_finds_it_by_multicast(started: FirstStart) -> None:
    (box,) = started.found
    assert box["verified"], box
    assert box["waits_for_owner"], box


def test_the_screen_says_how_to_claim_it(started: FirstStart) -> None:
    (box,) = started.found
    assert f"https://{box['host']}" in started.screen, started.screen


def test_it_is_claimed_over_tls(started: FirstStart) -> None:
    assert started.claimed.status == 200, started.claimed


def test_its_model_answers(started: FirstStart) -> None:
    assert started.answered.status == 200, started.answered
    assert started.answered.json()["usage"]["completion_tokens"] > 0


def test_its_programs_are_compiled_already(started: FirstStart) -> None:
    assert not started.compiled


def test_it_goes_off_cleanly(started: FirstStart) -> None:
    assert started.status == 0
