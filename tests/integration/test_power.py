# SPDX-License-Identifier: Apache-2.0
"""A running box tells its power on whatever machine the tests run, or that it has no meter."""

from typing import TYPE_CHECKING

import pytest

from atre.choices import eco_choice
from atre.errors import InvalidRequestError
from atre.ipc.eco_messages import EcoMode, EcoSettings
from atre.ipc.power_basis import Basis
from atre.ipc.power_client import PowerClient
from atre.ipc.power_messages import PowerSettings, Resolution
from atre.power.eco_keeper import cap_threads

if TYPE_CHECKING:
    from tests.integration.caller import Caller
    from tests.integration.running_box import RunningBox


def test_atred_measures_or_says_why_not(box: "RunningBox") -> None:
    power = PowerClient(box.runtime_dir / "atred.sock")
    described = power.describe()
    assert (described.power_w is None) == (described.basis is Basis.UNKNOWN)
    assert described.coverage.text
    assert described.issues == []
    assert power.set(PowerSettings(tariff="ca-quebec-d")).currency == "CAD"
    assert power.history(Resolution.HOUR, 0.0, 1e11).currency == "CAD"
    assert power.set(PowerSettings()).currency is None
    assert (box.data_dir / "power.db").exists()


def test_eco_mode_reaches_the_engine_and_is_lifted(box: "RunningBox", client: "Caller") -> None:
    power = PowerClient(box.runtime_dir / "atred.sock")
    tell = cap_threads(box.runtime_dir / "engine.sock")
    most = tell(1).threads
    with client.post(
        "/v1/completions", {"model": "factory", "prompt": "A", "max_tokens": 2}
    ) as got:
        assert got.status == 200
    assert tell(None).threads == most
    with pytest.raises(InvalidRequestError):
        power.set_eco(EcoSettings(mode=EcoMode.CALENDAR, calendar="whenever"))
    for mode in (EcoMode.ON, EcoMode.OFF):
        eco = power.set_eco(EcoSettings(mode=mode)).eco
        assert eco is not None
        assert eco.is_on is (mode is EcoMode.ON)
    assert eco_choice.read(box.data_dir / "state") == EcoSettings()


def test_prometheus_reads_the_box(client: "Caller") -> None:
    with client.get("/metrics") as answered:
        assert answered.status == 200
        text = answered.body().decode()
    assert 'atre_up{process="engine"} 1.0' in text
    assert 'atre_up{process="atred"} 1.0' in text
    assert "atre_queue_limit" in text
