# SPDX-License-Identifier: Apache-2.0
"""What is said of an answer's energy, and that nothing is said where nothing is known."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from flask import Flask

from atre.config import Config
from atre.ipc.energy_client import EnergyClient
from atre.ipc.energy_messages import RequestEnergy
from atre.ipc.messages import Finished, FinishReason
from atre.ipc.power_basis import Basis
from atre.ipc.server import Connection, Server
from atre_web import create_app
from atre_web.accounts.door import open_door
from atre_web.openai.usage import energy_object, usage
from atre_web.panel.energy_words import energy_note

END = Finished(
    reason=FinishReason.STOP, prompt_tokens=5, cached_tokens=0, completion_tokens=21,
    first_token_ms=500.0, total_ms=2500.0,
)  # fmt: skip


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    config = Config(data_dir=tmp_path, runtime_dir=tmp_path / "run", profiles_dir=tmp_path)
    open_door(config, run_key=False)
    return create_app(config)


@pytest.mark.parametrize(
    ("energy", "wanted"),
    [
        (None, ["énergie —"]),
        (
            RequestEnergy(j=412.4, basis=Basis.COUNTER, uncertainty=0.0),
            ["412 J", "compteur", "0,4"],
        ),
        (RequestEnergy(j=12.0, basis=Basis.PLUG, uncertainty=0.9), ["≈ 12 J", "moins de 0,1 s"]),
        (RequestEnergy(j=7200.0, basis=Basis.SENSOR, uncertainty=0.0), ["2 Wh", "7,2 s"]),
        (RequestEnergy(j=0.0, basis=Basis.ESTIMATE, uncertainty=1.0), ["≈ < 0,1 J", "estimation"]),
    ],
)
def test_the_panel_says_how_much_and_how_it_is_known(
    app: Flask, energy: RequestEnergy | None, wanted: Sequence[str]
) -> None:
    with app.test_request_context(headers={"Accept-Language": "fr"}):
        said = energy_note(energy_object(energy) if energy else None)
    assert all(part.replace(" ", "\N{NO-BREAK SPACE}") in said.replace(" ", "\N{NO-BREAK SPACE}")
               for part in wanted), said  # fmt: skip


def test_a_reply_holds_no_energy_where_nobody_knows_it() -> None:
    assert "energy" not in usage([END], RequestEnergy())
    known = usage([END], RequestEnergy(j=1.23456, basis=Basis.PLUG, source="plug", uncertainty=0.5))
    assert known["energy"] == {
        "j": 1.235, "j_idle_share": None, "basis": "plug", "source": "plug", "uncertainty": 0.5,
    }  # fmt: skip


def test_a_daemon_that_is_down_costs_the_figure_and_nothing_else(tmp_path: Path) -> None:
    assert EnergyClient(tmp_path / "nobody.sock").of(["s-1"]) == RequestEnergy()


@pytest.mark.parametrize(("is_metered", "num_asked"), [(False, 1), (True, 3)])
def test_a_box_without_a_meter_is_not_asked_at_each_answer(
    tmp_path: Path, *, is_metered: bool, num_asked: int
) -> None:
    asked: list[bytes] = []

    def answer(connection: Connection, body: bytes) -> None:
        asked.append(body)
        connection.send(RequestEnergy(is_metered=is_metered))

    server = Server(tmp_path / "atred.sock", answer, lambda _: None)
    server.start()
    try:
        client = EnergyClient(tmp_path / "atred.sock")
        assert [client.of([f"s-{number}"]).j for number in range(3)] == [None] * 3
    finally:
        server.close()
    assert len(asked) == num_asked
