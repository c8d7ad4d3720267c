# SPDX-License-Identifier: Apache-2.0
"""Another address: tried, confirmed where it leads, else taken back."""

import re
import sqlite3
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.appliance_stand_in import CHANGE_ID, MACHINE, ApplianceStandIn
from tests.unit.test_panel_pages import BOX

from atre.ipc.appliance_messages import AddressMethod, NetworkSettings
from atre.ipc.messages import DiscoveryState
from atre.sentence import Sentence
from atre_web.accounts import audit
from atre_web.accounts.principal import Role
from atre_web.appliance.address_form import FormError, Typed, kept, read
from atre_web.appliance.client import APPLIANCE
from atre_web.appliance.head_start import HEAD_STARTS, HeadStart
from atre_web.appliance.new_address import new_urls

STATIC = {
    "method": "static", "interface": "enp1s0", "address": "192.168.1.50", "mask": "255.255.255.0",
    "gateway": "192.168.1.1", "dns": "192.168.1.1, 9.9.9.9",
}  # fmt: skip
SETTINGS = NetworkSettings(
    method=AddressMethod.STATIC, interface="enp1s0", address="192.168.1.50/24",
    gateway="192.168.1.1", dns=("192.168.1.1", "9.9.9.9"),
)  # fmt: skip
CONFIRM = f"/network/address/{CHANGE_ID}"


@pytest.fixture
def machine() -> ApplianceStandIn:
    return ApplianceStandIn()


class Later:
    """A timer that waits until the test says that the page has left."""

    def __init__(self) -> None:
        self._calls: list[Callable[[], None]] = []

    def __call__(self, delay_s: float, call: Callable[[], None]) -> None:
        assert delay_s > 0
        self._calls.append(call)

    def pass_by(self) -> None:
        while self._calls:
            self._calls.pop()()


@pytest.fixture
def later() -> Later:
    return Later()


@pytest.fixture
def manager(
    machine: ApplianceStandIn, later: Later, sign_in: Callable[[Role], FlaskClient]
) -> FlaskClient:
    client = sign_in("manager")
    client.application.extensions[APPLIANCE] = machine
    client.application.extensions[HEAD_STARTS] = HeadStart(later)
    client.environ_base["HTTP_ACCEPT"] = "text/html"
    client.set_cookie("atre-language", "fr")
    return client


@pytest.fixture
def stranger(manager: FlaskClient) -> FlaskClient:
    """The same browser at the new address: without its session, but with its link."""
    client = manager.application.test_client()
    client.environ_base |= {"HTTP_ACCEPT": "text/html", "HTTP_ORIGIN": "http://localhost"}
    return client


def test_the_forms_fields_are_the_boxs_settings_and_back() -> None:
    assert read(Typed(**STATIC)) == SETTINGS
    assert read(kept(SETTINGS)) == SETTINGS
    assert read(Typed(**{**STATIC, "mask": "24"})) == SETTINGS
    assert read(Typed(**{**STATIC, "address": "192.168.1.50/24", "mask": ""})) == SETTINGS
    dhcp = read(Typed(**{**STATIC, "method": "dhcp"}))
    assert dhcp == NetworkSettings(), "the fields of a fixed address do not count"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("method", ""), ("method", "pppoe"), ("address", ""), ("address", "192.168.1"),
        ("address", "maison"), ("mask", ""), ("mask", "255.255.0.255"), ("mask", "33"),
        ("gateway", "routeur"), ("dns", "9.9.9.9 dns"), ("dns", "9.9.9.9 " * 4),
        ("interface", "x" * 16), ("address", "192.168.1.50\x00"),
    ],
)  # fmt: skip
def test_a_field_that_cannot_be_is_named(field: str, value: str) -> None:
    with pytest.raises(FormError) as caught:
        read(Typed(**{**STATIC, field: value}))
    assert caught.value.param == field


@given(st.dictionaries(st.sampled_from(sorted(STATIC)), st.text(max_size=60)))
def test_no_form_does_more_than_be_refused(fields: dict[str, str]) -> None:
    try:
        found = read(Typed(**{**STATIC, **fields}))
    except FormError as error:
        param = error.param
    else:
        param = "method"
        assert isinstance(found, NetworkSettings)
    assert param in STATIC


def test_the_links_lead_to_the_new_address_and_to_the_name() -> None:
    here = "http://192.168.1.7:8000/"
    name = (BOX.mdns_name or "").rstrip(".")
    box = replace(BOX, lan_port=443)
    assert new_urls(SETTINGS, "i", box, here) == [
        "https://192.168.1.50/network/address/i",
        f"https://{name}/network/address/i",
    ]
    assert new_urls(SETTINGS, "i", None, here) == ["http://192.168.1.50:8000/network/address/i"]
    silent = replace(box, lan_port=8443, discovery=DiscoveryState.OFF)
    assert new_urls(SETTINGS, "i", silent, here) == ["https://192.168.1.50:8443/network/address/i"]
    six = replace(SETTINGS, address="fd00::5/64")
    assert new_urls(six, "i", None, here)[0].startswith("http://[fd00::5]:8000/")
    assert new_urls(NetworkSettings(), "i", silent, here) == []


def test_whoever_holds_the_link_confirms_at_the_new_address(
    manager: FlaskClient,
    stranger: FlaskClient,
    machine: ApplianceStandIn,
    later: Later,
    database: sqlite3.Connection,
) -> None:
    told = manager.post("/network/address", data=STATIC)
    assert told.status_code == 200
    found = re.search(r'href="(http://192\.168\.1\.50(/network/address/[^"]+))">', told.text)
    assert found
    path = found[2]
    assert "/static/" not in told.text, "the old address may be gone before a file is fetched"
    assert machine.machine.network.change is None, "the page leaves before the address goes"
    assert stranger.get(path).status_code == 410
    later.pass_by()
    assert "à l’essai" in manager.get("/network/address").text
    arrived = stranger.get(path)
    assert arrived.status_code == 200
    assert "dans les 30 secondes" in arrived.text
    assert machine.machine.network.change is not None, "looking keeps nothing"
    kept_ = stranger.post(path)
    assert kept_.status_code == 200
    assert "L’adresse est gardée" in kept_.text
    assert machine.machine.network.settings == SETTINGS
    actions = [entry.action for entry in audit.latest(database, limit=2)]
    assert actions == ["network.confirm", "network.change"]


def test_no_other_link_confirms_and_none_does_too_late(
    manager: FlaskClient, stranger: FlaskClient, machine: ApplianceStandIn, later: Later
) -> None:
    assert stranger.get(CONFIRM).status_code == 410
    assert stranger.post(CONFIRM).status_code == 410
    manager.post("/network/address", data=STATIC)
    later.pass_by()
    for other in ("d" * 32, "x" * 5000, "%00", CHANGE_ID[:-1]):
        assert stranger.get(f"/network/address/{other}").status_code == 410, other
        assert stranger.post(f"/network/address/{other}").status_code == 410, other
    stranger.environ_base["HTTP_ORIGIN"] = "http://evil.example"
    assert stranger.post(CONFIRM).status_code == 403
    assert machine.machine.network.change is not None
    machine.take_back_network()
    stranger.environ_base["HTTP_ORIGIN"] = "http://localhost"
    late = stranger.post(CONFIRM)
    assert late.status_code == 410
    assert "celle d’avant est revenue" in late.text


def test_of_two_managers_one_changes_it(
    manager: FlaskClient, machine: ApplianceStandIn, later: Later
) -> None:
    other = {**STATIC, "address": "192.168.1.51"}
    assert manager.post("/network/address", data=STATIC).status_code == 200
    for _ in range(2):  # before the box took it, and while it is on trial
        second = manager.post("/network/address", data=other)
        assert second.status_code == 409
        assert "Une autre adresse est déjà à l’essai." in second.text
        later.pass_by()
    assert machine.machine.network.change is not None
    assert machine.machine.network.change.settings == SETTINGS
    assert manager.post("/network/address/undo").status_code == 303
    assert machine.machine.network.change is None


def test_what_the_box_did_not_take_after_all_is_said(
    manager: FlaskClient, machine: ApplianceStandIn, later: Later
) -> None:
    assert manager.post("/network/address", data=STATIC).status_code == 200
    machine.change_network(SETTINGS)  # from the console, meanwhile
    later.pass_by()
    assert "Un autre changement est à l’essai." in manager.get("/network/address").text
    machine.take_back_network()
    assert manager.post("/network/address", data=STATIC).status_code == 200
    later.pass_by()
    assert "Un autre changement" not in manager.get("/network/address").text


def test_what_the_box_refuses_is_said_at_its_field(
    manager: FlaskClient, machine: ApplianceStandIn, later: Later
) -> None:
    answer = manager.post("/network/address", data={**STATIC, "gateway": "192.168.9.9"})
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    later.pass_by()
    assert machine.machine.network.change is None
    assert 'name="gateway" value="192.168.9.9"' in answer.text
    assert answer.text.count('aria-invalid="true"') == 1
    mistyped = manager.post("/network/address", data={**STATIC, "mask": '"><script>'})
    assert "255.255.255.0, ou 24" in mistyped.text
    assert '"><script>' not in mistyped.text
    refusal, reverted = Sentence("No.", "Pas d’ici."), Sentence("Back.", "L’adresse est revenue.")
    machine.machine = replace(
        MACHINE, network=replace(MACHINE.network, refusal=refusal, last_revert=reverted)
    )
    page = manager.get("/network/address").text
    assert "Pas d’ici." in page
    assert "L’adresse est revenue." in page
    assert "<fieldset" not in page
    refused = manager.post("/network/address", data=STATIC)
    assert refused.status_code == 409
    assert "Pas d’ici." in refused.text
    del manager.application.extensions[APPLIANCE]
    assert manager.get("/network/address").status_code == 503
