# SPDX-License-Identifier: Apache-2.0
import re

import pytest
from flask import Flask
from msgspec.structs import replace

from atre.config import Config
from atre.ipc.messages import EngineDescription
from atre.ipc.power_basis import Basis, Scope
from atre.ipc.power_messages import PowerBucket, PowerDescription, PowerSettings, PowerSource
from atre.sentence import Sentence
from atre_web import create_app
from atre_web.office.exposition import exposition

BUCKET = PowerBucket(
    start_s=0,
    end_s=1,
    energy_j=None,
    idle_j=None,
    covered_s=0,
    expected_s=0,
    basis=Basis.UNKNOWN,
)
POWER = PowerDescription(
    power_w=41.5,
    basis=Basis.PLUG,
    error_fraction=None,
    idle_w=9.25,
    coverage=Sentence("", ""),
    sources=[
        PowerSource(source='odd "name"\\', scope=Scope.WALL, basis=Basis.PLUG, power_w=41.5),
        PowerSource(source="rapl", scope=Scope.PACKAGE, basis=Basis.COUNTER, power_w=None),
    ],
    today=BUCKET,
    month=BUCKET,
    energy_total_j=7.2e6,
    settings=PowerSettings(),
    has_plug_password=False,
    currency=None,
    calibration=None,
    calibration_progress=None,
    tariffs=[],
    co2_examples=[],
)
# One line of the format: a name, labels with escapes, a number.
LINE = re.compile(r'[a-z_]+(\{[a-z]+="(\\.|[^"\\])*"(,[a-z]+="(\\.|[^"\\])*")*\})? [0-9.e+-]+')


ENGINE = EngineDescription(
    model="m",
    name="m",
    description="",
    licence="",
    num_parameters=1,
    size_bytes=1,
    n_ctx=1,
    n_ctx_train=1,
    num_slots=1,
    threads=1,
    device="",
    started_at=0.0,
    num_running=1,
    num_waiting=2,
    queue_limit=64,
    kv_cells_used=0,
    kv_cells_total=1,
    decode_tokens_per_s=0.0,
    prefill_tokens_per_s=0.0,
    completion_tokens_total=500,
    requests_total=3,
)


def test_every_line_is_the_formats() -> None:
    lines = exposition(ENGINE, POWER).splitlines()
    told = [line for line in lines if not line.startswith("#")]
    assert all(LINE.fullmatch(line) for line in told), told
    assert 'atre_power_watts{source="machine",basis="plug"} 41.5' in told
    assert 'atre_power_watts{source="odd \\"name\\"\\\\",basis="plug"} 41.5' in told
    assert "atre_energy_joules_total 7200000.0" in told
    assert "atre_requests_total 3" in told
    assert "atre_queue_length 2" in told
    families = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(families) == len(set(families))
    assert {line.split("{")[0].split()[0] for line in told} == set(families)


def test_addresses_of_the_office_are_not_told() -> None:
    plug = PowerSource(
        source="plug:shelly:192.0.2.7", scope=Scope.WALL, basis=Basis.PLUG, power_w=41.5
    )
    text = exposition(None, replace(POWER, sources=[plug]))
    assert 'atre_power_watts{source="plug:shelly",basis="plug"} 41.5' in text
    assert "192.0.2.7" not in text


def test_what_is_unknown_is_absent() -> None:
    blind = replace(POWER, power_w=None, idle_w=None, energy_total_j=None, sources=[])
    text = exposition(None, blind)
    assert "watts" not in text
    assert "joules" not in text
    assert "requests" not in text
    assert 'atre_up{process="engine"} 0.0' in text
    assert 'atre_up{process="atred"} 1.0' in text


@pytest.fixture
def app(config: Config, key: str) -> Flask:
    assert key
    return create_app(config)


def test_a_box_whose_processes_are_down_still_answers_the_scrape(app: Flask, key: str) -> None:
    answer = app.test_client().get("/metrics", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert 'atre_up{process="engine"} 0.0' in answer.text
