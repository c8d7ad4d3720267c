# SPDX-License-Identifier: Apache-2.0
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from atre.atred.appliance_verbs import ApplianceVerbs
from atre.atred.management import ManagementDaemon
from atre.config import Config
from atre.disks.health import Disks
from atre.errors import (
    ConflictError,
    EngineUnavailableError,
    ForbiddenError,
    InvalidRequestError,
)
from atre.ipc.appliance_client import ApplianceClient
from atre.ipc.appliance_messages import (
    AddressMethod,
    NetworkSettings,
    OrderFactoryReset,
    PresenceMeans,
)
from atre.ipc.client import ManagementClient
from atre.network.change import NetworkTrial
from atre.reset import factory, order, presence
from atre.reset.presence import Uptime

SERIAL = "ATRE-2611-0042"
EARLY = Uptime(100.0, "boot-1")
FIXED = NetworkSettings(method=AddressMethod.STATIC, interface="enp1s0", address="192.168.1.50/24")


class _Link:
    def __init__(self) -> None:
        self._used = b""

    def use(self, network_file: bytes) -> None:
        self._used = network_file

    def in_force(self) -> bytes:
        return self._used

    def interfaces(self) -> list[str]:
        return ["enp1s0"]

    def is_ours(self) -> bool:
        return True


@pytest.fixture
def config(tmp_path: Path) -> Config:
    config = Config(data_dir=tmp_path / "data", runtime_dir=tmp_path / "run", profiles_dir=tmp_path)
    config.state_dir.mkdir(parents=True)
    config.runtime_dir.mkdir()
    factory.keep_serial(config.data_dir, SERIAL)
    return config


@pytest.fixture
def restarts() -> list[str]:
    return []


@pytest.fixture
def client(config: Config, restarts: list[str], tmp_path: Path) -> Iterator[ApplianceClient]:
    """Asks a daemon over its socket, whose network and disks are the test's."""
    reports = tmp_path / "reports"
    reports.mkdir()
    worn = {"model_name": "Example", "nvme_smart_health_information_log": {"percentage_used": 95}}
    (reports / "nvme0.json").write_text(json.dumps(worn))
    appliance = ApplianceVerbs(
        config,
        lambda: restarts.append("restart"),
        trial=NetworkTrial(config.state_dir, _Link(), timer=lambda _delay_s, _call: lambda: None),
        disks=Disks(config.state_dir, reports),
        uptime=lambda: EARLY,
        image_mark=reports,
    )
    daemon = ManagementDaemon(config, appliance)
    daemon.start()
    yield ApplianceClient(config.management_socket)
    daemon.close()


def test_managers_see_the_machine(client: ApplianceClient, config: Config) -> None:
    shown = client.describe()
    assert shown.is_image
    assert shown.serial == SERIAL
    assert shown.reset_file == f"atre-factory-reset-{SERIAL}.txt"
    assert shown.lost_password_file == f"atre-lost-password-{SERIAL}.txt"
    assert shown.network.interfaces == ["enp1s0"]
    assert [disk.wear for disk in shown.disks] == [0.95]
    box = ManagementClient(config.management_socket).describe()
    assert any("95" in issue for issue in box.issues), "the home page tells of it"
    assert len(box.issues) == len(box.issues_fr)


def test_a_reset_is_ordered_by_the_serial_number_and_taken_back(
    client: ApplianceClient, config: Config, restarts: list[str]
) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        client.order_factory_reset("yes", "Marie")
    assert caught.value.param == "typed"
    assert order.read(config.data_dir) is None
    ordered = client.order_factory_reset(f" {SERIAL.lower()} ", "Marie", restart=False)
    assert ordered.factory_reset
    assert ordered.factory_reset.by == "Marie"
    assert not restarts
    assert client.take_back_factory_reset().factory_reset is None
    client.order_factory_reset(SERIAL, "Marie")
    assert restarts == ["restart"]
    assert order.read(config.data_dir)


def test_an_address_is_tried_confirmed_and_refused_over_the_socket(
    client: ApplianceClient,
) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        client.change_network(NetworkSettings(method=AddressMethod.STATIC))
    assert caught.value.param == "interface"
    change = client.change_network(FIXED).network.change
    assert change
    assert 0 < change.seconds_left <= 30
    with pytest.raises(ConflictError):
        client.confirm_network("another")
    assert client.confirm_network(change.id).network.settings == FIXED
    client.change_network(NetworkSettings())
    assert client.take_back_network().network.settings == FIXED


def test_the_word_from_the_box_counts_once(client: ApplianceClient, config: Config) -> None:
    assert client.describe().presence is None
    with pytest.raises(ForbiddenError):
        client.use_presence_code("Tournesol 42")
    presence.open_window(config.state_dir, PresenceMeans.CONSOLE, "Tournesol 42", EARLY)
    shown = client.describe().presence
    assert shown
    assert shown.means is PresenceMeans.CONSOLE
    assert client.use_presence_code("tournesol 42") is PresenceMeans.CONSOLE
    assert client.describe().presence is None


def test_a_box_that_nobody_watches_over_is_reset_at_its_next_start(config: Config) -> None:
    def nobody() -> None:
        raise EngineUnavailableError

    verbs = ApplianceVerbs(config, nobody, uptime=lambda: EARLY)
    shown = verbs.describe()
    assert not shown.is_image
    assert shown.disk_problem
    assert shown.network.refusal
    verbs.answer(OrderFactoryReset(typed=SERIAL, by="Marie"))
    assert order.read(config.data_dir)
