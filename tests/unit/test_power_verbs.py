# SPDX-License-Identifier: Apache-2.0
"""What ``atred`` answers about power, and what ``atre power`` makes of it."""

import json
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from atre.atred.power_verbs import PowerVerbs
from atre.cli import main
from atre.cli.power import command
from atre.cli.power.direct import DirectReadings
from atre.config import Config, default_runtime_dir
from atre.errors import AtreError, InvalidRequestError
from atre.ipc.failure import failure
from atre.ipc.intake import Intake
from atre.ipc.power_client import PowerClient
from atre.ipc.power_messages import (
    PlugSettings,
    PowerRequest,
    PowerSettings,
    Resolution,
    UpsSettings,
)
from atre.ipc.server import Connection, Server
from atre.power.reading import Basis, Reading, Scope
from atre.power.sampler import Sampler
from atre.power.sources import plug_of, samplers_of, ups_of
from atre.power.ups.guard import UpsGuard
from atre.sentence import Sentence


class Processor:
    """Forty watts, and a card whose driver is not there."""

    def __init__(self) -> None:
        self.is_closed = False

    def read(self, now_s: float) -> list[Reading]:
        return [
            Reading(
                source="rapl:package-0",
                scope=Scope.PACKAGE,
                basis=Basis.COUNTER,
                at_s=now_s,
                power_w=40.0,
                energy_j=40.0 * now_s,
            ),
            Reading(
                source="nvml:0",
                scope=Scope.CARD,
                basis=Basis.COUNTER,
                at_s=now_s,
                reason=Sentence("The driver is not loaded.", "Le pilote n’est pas chargé."),
            ),
        ]

    def close(self) -> None:
        self.is_closed = True


class Room:
    """``atred``'s power verbs behind a real socket, beaten by hand."""

    def __init__(self, data_dir: Path) -> None:
        self.built: list[tuple[PowerSettings, str, Processor]] = []
        self.now_s = 1000.0
        runtime_dir = default_runtime_dir(data_dir)
        self.config = Config(data_dir=data_dir, runtime_dir=runtime_dir, profiles_dir=data_dir)
        self.guard = UpsGuard(Intake(runtime_dir), on_change=lambda: None)
        self.verbs = PowerVerbs(self.config, self._build, self.guard, clock=lambda: self.now_s)
        self._decoder = msgspec.msgpack.Decoder(PowerRequest)
        self._server = Server(self.config.management_socket, self._on_frame, lambda _: None)
        self._server.start()
        self.client = PowerClient(self.config.management_socket)

    def beat(self, seconds: int) -> None:
        for _ in range(seconds):
            self.verbs.meter.beat()
            self.now_s += 1.0

    def close(self) -> None:
        self._server.close()
        self.verbs.close()

    def _build(self, settings: PowerSettings, password: str) -> list[Sampler]:
        made = Processor()
        self.built.append((settings, password, made))
        return [made]

    def _on_frame(self, connection: Connection, body: bytes) -> None:
        try:
            connection.send(self.verbs.answer(self._decoder.decode(body)))
        except AtreError as error:
            connection.send(failure(error))


@pytest.fixture
def room() -> Iterator[Room]:
    data_dir = Path(tempfile.mkdtemp(prefix="atre-"))  # short, as sockets' paths must be
    room = Room(data_dir)
    yield room
    room.close()
    shutil.rmtree(data_dir)


@pytest.fixture
def atre(room: Room) -> Callable[..., str]:
    def run(*options: str, language: str = "C") -> str:
        command_line = ["power", "--data-dir", str(room.config.data_dir), *options]
        done = CliRunner(env={"LC_ALL": language}).invoke(main, command_line)
        assert done.exit_code == 0, done.output
        return done.output

    return run


def test_a_box_without_a_figure_says_nothing_instead_of_zero(room: Room) -> None:
    described = room.client.describe()
    assert described.power_w is None
    assert described.basis is Basis.UNKNOWN
    assert described.today.energy_j is None
    assert described.energy_total_j is None


def test_the_present_and_its_sources_with_their_reasons(room: Room) -> None:
    room.beat(10)
    described = room.client.describe()
    assert described.power_w == pytest.approx(40.0)
    assert described.basis is Basis.COUNTER
    assert "graphics card" in described.coverage.text
    silent = described.sources[1]
    assert silent.power_w is None
    assert silent.reason == Sentence("The driver is not loaded.", "Le pilote n’est pas chargé.")
    room.now_s += 60  # the meter stood still: what it said is no longer now
    assert room.client.describe().power_w is None


def test_settings_are_kept_checked_and_reach_the_samplers(room: Room) -> None:
    plug = PlugSettings(kind="shelly", address="192.0.2.7")
    settings = PowerSettings(
        tariff="fr-bleu-base", co2_g_kwh=56.0, co2_source="Ember 2023", plug=plug
    )
    described = room.client.set(settings, plug_password="s3cret")
    assert described.currency == "EUR"
    assert described.has_plug_password
    assert described.calibration_progress is not None
    assert room.built[0][2].is_closed
    assert room.built[-1][:2] == (settings, "s3cret")
    secret = room.config.data_dir / "secrets" / "plug-password"
    assert secret.stat().st_mode & 0o777 == 0o600
    assert "s3cret" not in (room.config.state_dir / "power.json").read_text()
    num_built = len(room.built)
    room.client.set(msgspec.structs.replace(settings, tariff="fr-bleu-hphc"))
    assert len(room.built) == num_built, "a price is no reason to begin the sensors anew"
    assert room.client.set(settings, plug_password="").has_plug_password is False
    assert not secret.exists()


@pytest.mark.parametrize(
    ("settings", "param"),
    [
        (PowerSettings(tariff="nowhere"), "tariff"),
        (PowerSettings(co2_g_kwh=10.0), "co2_source"),
        (PowerSettings(plug=PlugSettings(kind="tasmota", address="x/../admin?y")), "plug"),
        (PowerSettings(plug=PlugSettings(kind="tasmota", address="192.0.2.7:x")), "plug"),
        (PowerSettings(plug=PlugSettings(kind="shelly", address="me@192.0.2.7")), "plug"),
        (PowerSettings(plug=PlugSettings(kind="shelly", address="plug", user="root")), "plug"),
        (PowerSettings(ups=UpsSettings(name="office", address="[fd00::1")), "ups"),
    ],
)
def test_what_cannot_be_kept_is_refused_whole(
    room: Room, settings: PowerSettings, param: str
) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        room.client.set(settings, plug_password="new")
    assert caught.value.param == param
    described = room.client.describe()
    assert described.settings == PowerSettings()
    assert not described.has_plug_password


def test_history_is_told_in_buckets_with_their_gaps(room: Room) -> None:
    room.beat(130)
    room.verbs.meter._end_minute()
    history = room.client.history(Resolution.DAY, 0.0, 1e11)
    days = history.buckets  # two, if midnight has just struck
    assert sum(day.energy_j or 0.0 for day in days) == pytest.approx(129 * 40.0)
    assert sum(day.covered_s for day in days) == pytest.approx(129)
    today = room.client.describe().today
    assert today.energy_j
    assert today.cost is None
    room.client.set(PowerSettings(tariff="fr-bleu-base"))
    priced = room.client.describe().today
    assert priced.cost == pytest.approx(today.energy_j / 3.6e6 * 0.194)
    room.beat(60)
    room.verbs.meter._end_minute()
    assert (room.client.describe().today.energy_j or 0.0) > today.energy_j
    assert room.client.forget_calibration().calibration is None


def test_the_command_shows_the_box_in_both_languages(room: Room, atre: Callable[..., str]) -> None:
    room.beat(10)
    english, french = atre(), atre("--lang", "fr")
    assert "40.0\N{NO-BREAK SPACE}W (counter)" in english
    assert "The driver is not" in english
    assert "40,0\N{NO-BREAK SPACE}W (compteur)" in french
    assert "Le pilote n’est pas" in french
    assert json.loads(atre("--json"))["power_w"] == pytest.approx(40.0)


def test_watching_ends_with_ctrl_c(
    room: Room, atre: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    room.beat(10)

    class Interrupted(threading.Event):
        seconds = 0

        def wait(self, timeout: float | None = None) -> bool:
            assert timeout == 1.0
            type(self).seconds += 1
            if type(self).seconds > 2:
                raise KeyboardInterrupt
            return False

    monkeypatch.setattr(threading, "Event", Interrupted)
    lines = atre("--watch").splitlines()
    assert len(lines) == 3
    assert all(line.endswith("40.0\N{NO-BREAK SPACE}W  counter") for line in lines)


def test_without_a_box_the_sensors_are_read_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Processor()
    monkeypatch.setattr(command, "DirectReadings", _direct(made))
    done = CliRunner(env={"LC_ALL": "C"}).invoke(main, ["power", "--data-dir", str(tmp_path)])
    assert done.exit_code == 0
    assert "No box runs here" in done.stderr
    assert "40.0\N{NO-BREAK SPACE}W (counter)" in done.stdout
    assert made.is_closed


def _direct(made: Processor) -> Callable[[PowerSettings, str], DirectReadings]:
    class Immediate(DirectReadings):
        def settle(self, sleep: Callable[[float], None] = lambda _: None) -> None:
            sleep(1.0)
            clock = self._clock
            self._clock = lambda: clock() + 1.0

    return lambda settings, password: Immediate(settings, password, build=lambda *_: [made])


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("192.0.2.7", ("192.0.2.7", 80)),
        ("plug.lan:8080", ("plug.lan", 8080)),
        ("[fd00::7]:81", ("fd00::7", 81)),
        ("[fd00::7]", ("fd00::7", 80)),
    ],
)
def test_addresses_are_hosts_with_or_without_port(written: str, expected: tuple[str, int]) -> None:
    meant = plug_of(PlugSettings(kind="shelly", address=written), "secret")
    assert (meant.host, meant.port, meant.password) == (*expected, "secret")


def test_a_ups_that_is_not_there_says_so_and_holds_nothing_up() -> None:
    nowhere = UpsSettings(name="office", address="127.0.0.1:9", nominal_w=330.0)
    assert ups_of(nowhere).port == 9
    samplers = samplers_of(PowerSettings(ups=nowhere), "")
    try:
        readings = samplers[-1].read(0.0)
        assert all(reading.power_w is None for reading in readings)
    finally:
        for sampler in samplers:
            sampler.close()
