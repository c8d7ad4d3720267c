# SPDX-License-Identifier: Apache-2.0
"""The mains fail: a real box, NUT's own server, and people who ask."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.integration import nut

from atre.config import default_runtime_dir
from atre.ipc.power_client import PowerClient
from atre.ipc.power_messages import PowerSettings, Supply, UpsSettings

if TYPE_CHECKING:
    from tests.integration.caller import Caller
    from tests.integration.conftest import BoxStarter, CallerMaker

_TIMEOUT_S = 60.0
_POLL_S = 0.1
_ON_MAINS = {"ups.status": "OL", "ups.load": "20", "battery.charge": "100"}

pytestmark = pytest.mark.skipif(not nut.IS_HERE, reason=nut.MISSING)


def _ask(caller: "Caller") -> tuple[int, str | None, str | None]:
    """Status, error code and Retry-After of a short question."""
    body = {"messages": [{"role": "user", "content": "Bonjour"}], "max_tokens": 1}
    with caller.post("/v1/chat/completions", body) as call:
        code = None if call.status == 200 else call.error()["code"]
        return call.status, code, call.response.headers["Retry-After"]


def _ask_until(caller: "Caller", wanted: str | None) -> tuple[int, str | None, str | None]:
    """Ask until the answer has that code: what another program hears has no event of its own."""
    end_s = time.monotonic() + _TIMEOUT_S
    while (told := _ask(caller))[1] != wanted:
        assert time.monotonic() < end_s, told
        time.sleep(_POLL_S)
    return told


def test_it_ends_what_it_began_refuses_what_is_new_and_comes_back(
    start_box: "BoxStarter", make_caller: "CallerMaker", one_slot: list[str], tmp_path: Path
) -> None:
    place = tmp_path / "nut"
    place.mkdir(mode=0o700)
    box = start_box(*one_slot, "--queue-limit", "4")
    caller = make_caller(box, box.key)
    with nut.make_nut(place, _ON_MAINS).running() as ups:
        power = PowerClient(default_runtime_dir(box.data_dir) / "atred.sock")
        power.set(PowerSettings(ups=UpsSettings(name="office", address=f"127.0.0.1:{ups.port}")))
        story = {"prompt": "un", "max_tokens": 400, "stream": True, "ignore_eos": True}
        with caller.post("/v1/completions", story) as long:
            events = long.events()
            next(events)
            ups.set(ups_status="OB")
            refused = _ask_until(caller, "on_battery")
            assert refused == (503, "on_battery", "60")
            last = [event for event in events if isinstance(event, dict)][-1]
            assert last["choices"][0]["finish_reason"] in {"stop", "length"}
        report = power.describe().ups
        assert report is not None
        assert (report.supply, report.name) == (Supply.BATTERY, "office")
        ups.set(ups_status="OB LB")
        _ask_until(caller, "battery_low")
        box.wait_for(lambda described: described.asleep_since is not None)
        assert _ask(caller)[:2] == (503, "battery_low")
        ups.set(ups_status="OL CHRG")
        assert _ask_until(caller, None)[0] == 200
