# SPDX-License-Identifier: Apache-2.0
"""The power page: with figures, without any, while the daemon is down, and as CSV."""

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from msgspec.structs import replace
from tests.unit.test_metrics import BUCKET, POWER
from tests.unit.test_office_pages import FORM

from atre.errors import EngineUnavailableError, InvalidRequestError
from atre.ipc.cap_messages import CapBasis, CapFigures, CapKind, CapReport, CapState
from atre.ipc.eco_messages import EcoMode, EcoReport, EcoSettings, ThreadBasis, ThreadFigures
from atre.ipc.energy_messages import EnergyBucket, EnergyShares
from atre.ipc.power_basis import Basis
from atre.ipc.power_messages import (
    PowerBucket,
    PowerDescription,
    PowerHistory,
    PowerSettings,
    Resolution,
    Supply,
    UpsReport,
)
from atre.sentence import Sentence
from atre_web.accounts.principal import Role

UPS = UpsReport(
    name="bureau", model="Up 650", supply=Supply.MAINS, charge=0.97, runtime_s=1289.0, load=0.2,
    needs_battery=False, problem=None,
)  # fmt: skip
SHARES = EnergyShares(
    requests_j=900.0, idle_j=3000.0, other_j=100.0, prompt_weight=0.125, is_calibrated=True,
    answers=[EnergyBucket(8.0, 16.0, 3), EnergyBucket(16.0, 32.0, 12)], median_j=20.0,
)  # fmt: skip


ECO = EcoReport(
    settings=EcoSettings(), is_on=True, unload_after_s=300.0, sleep_after_s=None, threads=4,
    max_threads=8, basis=ThreadBasis.MEASURED,
    figures=[
        ThreadFigures(threads=8, power_w=40.0, tokens_s=10.0, j_token=4.0),
        ThreadFigures(threads=4, power_w=20.0, tokens_s=8.0, j_token=2.5),
    ],
    caps=CapReport(
        level=0.6, basis=CapBasis.PLAIN,
        caps=[
            CapState(
                name="rapl:package-0", kind=CapKind.PROCESSOR, now=9.0, low=6.0, usual=15.0,
                before=15.0,
            ),
            CapState(name="epp", kind=CapKind.PREFERENCE, now=2.0, low=1.0, usual=3.0, before=3.0),
            CapState(
                name="nvml", kind=CapKind.CARD,
                reason=Sentence("Install it.", "Installez-le."),
            ),
        ],
        figures=[CapFigures(level=1.0, power_w=20.0, tokens_s=8.0, j_token=2.5)],
    ),
)  # fmt: skip


class Meter:
    """Answers as ``atred`` would."""

    def __init__(self) -> None:
        self.power: PowerDescription = replace(POWER, ups=UPS, currency="CAD", sources=[])
        self.energy = SHARES
        self.is_down = False
        self.asked: list[tuple[Resolution, float, float]] = []
        self.refused = ""
        self.covered_s = 3000.0
        self.sent: list[PowerSettings] = []
        self.eco: list[EcoSettings] = []

    def describe(self) -> PowerDescription:
        self._check()
        return self.power

    def shares(self) -> EnergyShares:
        self._check()
        return self.energy

    def history(self, resolution: Resolution, from_s: float, to_s: float) -> PowerHistory:
        self._check()
        self.asked.append((resolution, from_s, to_s))
        first = PowerBucket(
            start_s=from_s, end_s=from_s + 3600, energy_j=3600.0 * 60, idle_j=3600.0 * 50,
            covered_s=self.covered_s, expected_s=3600.0, basis=Basis.PLUG, cost=0.0052, co2_g=1.5,
        )  # fmt: skip
        last = replace(BUCKET, start_s=from_s + 3600, end_s=from_s + 7200)
        return PowerHistory(resolution=resolution, buckets=[first, last], currency="CAD")

    def set_eco(self, settings: EcoSettings) -> PowerDescription:
        self._check()
        if "whenever" in settings.calendar:
            raise InvalidRequestError("no", param="calendar")
        self.eco.append(settings)
        return self.power

    def set(self, settings: PowerSettings, *, plug_password: str | None) -> PowerDescription:
        assert plug_password is None
        if self.refused:
            raise InvalidRequestError("no", param=self.refused)
        self.sent.append(settings)
        return self.power

    def _check(self) -> None:
        if self.is_down:
            raise EngineUnavailableError("nobody there")


@pytest.fixture
def meter() -> Meter:
    return Meter()


@pytest.fixture
def manager(sign_in: Callable[[Role], FlaskClient], meter: Meter) -> FlaskClient:
    client = sign_in("manager")
    client.application.extensions["atre.power"] = meter
    client.application.extensions["atre.energy"] = meter
    client.environ_base["HTTP_ACCEPT"] = "text/html"
    client.set_cookie("atre-language", "fr")
    return client


def seen(client: FlaskClient, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status
    return answer.text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ")


def test_figures_are_said_with_where_they_come_from(manager: FlaskClient) -> None:
    page = seen(manager, "/power")
    assert "Le boîtier prend 41,5 W. Origine du chiffre : prise de mesure." in page
    assert "60 Wh" in page
    assert "0,0052 $CA" in page
    assert "(17 % sans mesure)" in page
    assert "<dd>—</dd>" in page, "today has no figure"
    assert "<dd>0" not in page


def test_where_the_energy_went_is_a_table_and_bars(manager: FlaskClient, meter: Meter) -> None:
    page = seen(manager, "/power")
    assert "22 %" in page
    assert "900 J" in page
    assert "75 %" in page
    assert "Réponses mesurées : 15. La moitié prennent moins de 20 J, en plus du repos." in page
    assert '<rect width="25.0"' in page
    assert '<rect width="100.0"' in page
    assert "Lire un jeton prend 12 %" in page
    meter.energy = replace(SHARES, answers=[], median_j=None, is_calibrated=False)
    assert "Aucune réponse n’a encore été mesurée." in seen(manager, "/power")
    meter.energy = replace(SHARES, requests_j=0.0, idle_j=0.0, other_j=0.0)
    assert "On ne le sait pas encore" in seen(manager, "/power")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ["sur le secteur", "97 %", "21 min", "20 %", "bureau · Up 650"]),
        ({"supply": Supply.BATTERY}, ["tient sur la batterie"]),
        ({"supply": Supply.ENDING}, ["presque vide"]),
        ({"needs_battery": True}, ["batterie neuve"]),
        ({"problem": Sentence("cut", "câble coupé")}, ["ne dit pas", "câble coupé"]),
        ({"charge": None, "runtime_s": None, "load": None}, ["<dd>—</dd>"]),
    ],
)
def test_the_ups_is_said(
    manager: FlaskClient, meter: Meter, changes: dict[str, Any], words: list[str]
) -> None:
    meter.power = replace(meter.power, ups=replace(UPS, **changes))
    card = seen(manager, "/power").partition('id="ups"')[2].partition("</section>")[0]
    assert [each for each in words if each not in card] == []


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("ups:bureau", "Onduleur bureau"),
        ("ups:", "Onduleur"),
        ("plug:shelly:fe80::1", "Prise de mesure fe80::1"),
        ("battery", "Batterie"),
        ("rapl:package-0", "rapl:package-0"),
    ],
)
def test_what_measures_has_a_name_that_people_know(
    manager: FlaskClient, meter: Meter, source: str, name: str
) -> None:
    meter.power = replace(meter.power, sources=[replace(POWER.sources[0], source=source)])
    assert f'scope="row">{name}</th>' in seen(manager, "/power")


def test_hours_are_shown_in_the_readers_language(manager: FlaskClient) -> None:
    french = seen(manager, "/power/settings")
    assert "lun-ven 06:00-22:00" in french
    assert "mon-fri" not in french
    manager.set_cookie("atre-language", "en")
    assert "mon-fri 06:00-22:00" in seen(manager, "/power/settings")


def test_without_a_ups_there_is_no_card(manager: FlaskClient, meter: Meter) -> None:
    meter.power = replace(meter.power, ups=None)
    assert 'id="ups"' not in seen(manager, "/power")


def test_what_nobody_measures_is_not_zero(manager: FlaskClient, meter: Meter) -> None:
    coverage = Sentence("none", "Rien ne mesure ce boîtier.")
    meter.power = replace(meter.power, power_w=None, basis=Basis.UNKNOWN, coverage=coverage)
    page = seen(manager, "/power")
    assert "On ne sait pas ce que le boîtier prend en ce moment. Rien ne mesure ce boîtier." in page


def test_a_time_without_a_meter_has_no_empty_plot(manager: FlaskClient, meter: Meter) -> None:
    assert 'id="plot-data"' in seen(manager, "/power")
    meter.covered_s = 0.0
    page = seen(manager, "/power")
    assert 'id="plot-data"' not in page
    assert "Rien n’a encore été mesuré pendant cette période." in page


@pytest.mark.parametrize("path", ["/power", "/power/settings"])
def test_a_daemon_that_is_down_is_said(manager: FlaskClient, meter: Meter, path: str) -> None:
    meter.is_down = True
    assert "Le service d’administration ne répond pas" in seen(manager, path)


@pytest.mark.parametrize(
    ("by", "resolution"),
    [("", Resolution.HOUR), ("month", Resolution.DAY), ("year", Resolution.MONTH)],
)
def test_the_table_and_the_csv_ask_for_the_same(
    manager: FlaskClient, meter: Meter, by: str, resolution: Resolution
) -> None:
    seen(manager, f"/power?by={by}")
    answer = manager.get(f"/power.csv?by={by}")
    assert [each[0] for each in meter.asked] == [resolution, resolution]
    rows = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert len({len(row) for row in rows}) == 1
    assert rows[1][-1] == "prise de mesure"
    assert rows[2][1] == "", "what is unknown is empty, never 0"


def test_a_csv_while_the_daemon_is_down_is_an_error(manager: FlaskClient, meter: Meter) -> None:
    meter.is_down = True
    assert manager.get("/power.csv").status_code == 503


def test_settings_are_sent_and_what_is_refused_is_named(manager: FlaskClient, meter: Meter) -> None:
    answer = manager.post("/power/settings", data={"ups_name": "bureau"})
    assert (answer.status_code, answer.location) == (303, "/power/settings?done=1")
    assert meter.sent[0].ups is not None
    for form, refused, field in (
        ({"other_kwh_day": "trop"}, "", "other_kwh_day"),
        ({"off_peak": "jamais"}, "off_peak", "off_peak"),
    ):
        meter.refused = refused
        answer = manager.post("/power/settings", data=form)
        assert answer.status_code == 400
        wrong = answer.text.partition(f'id="{field}"')[2].partition(">")[0]
        assert 'aria-invalid="true"' in wrong
        assert next(iter(form.values())) in wrong, "what was typed is still there"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ["en marche", "après 5 minutes", "mode éco qui compte", "avec 4 des 8 fils",
              "8 (tous, sans le mode éco)", "40 W", "2,5 J",
              "plafonnée à 9 W ; 15 W sans", "réglée sur l’économie",
              "pas plafonnée. Installez-le",
              "60 % de la puissance", "Sans plafond"]),
        ({"caps": CapReport(level=1.0, basis=CapBasis.OFF)}, ["pas de limite de puissance"]),
        ({"sleep_after_s": 120.0}, ["après 2 minutes", "veille des réglages qui compte"]),
        ({"basis": ThreadBasis.HALF, "figures": []}, ["la moitié", "Rien n’est encore mesuré"]),
        ({"threads": None, "max_threads": None}, ["Aucun modèle n’est en mémoire"]),
        ({"is_on": False}, ["ne joue pas en ce moment"]),
    ],
)  # fmt: skip
def test_eco_mode_says_what_it_does_and_which_rule_counts(
    manager: FlaskClient, meter: Meter, changes: dict[str, Any], words: list[str]
) -> None:
    meter.power = replace(meter.power, eco=replace(ECO, **changes))
    card = seen(manager, "/power").partition('id="eco"')[2].partition("</section>")[0]
    assert [each for each in words if each not in card] == []


def test_eco_mode_is_set_and_nonsense_is_said(manager: FlaskClient, meter: Meter) -> None:
    meter.power = replace(meter.power, eco=ECO)
    form = {"mode": "calendar", "calendar": "lun-ven  19:00-07:00"}
    answer = manager.post("/power/eco", data=form)
    assert (answer.status_code, answer.location) == (303, "/power?done=eco#eco")
    assert "C’est enregistré." in seen(manager, answer.location)
    assert "C’est enregistré." not in seen(manager, "/power")
    assert meter.eco[0].mode is EcoMode.CALENDAR
    assert meter.eco[0].calendar == "lun-ven 19:00-07:00"
    for wrong in ({"mode": "turbo"}, {"mode": "calendar", "calendar": "whenever"}, {}):
        answer = manager.post("/power/eco", data=wrong)
        assert answer.status_code == 400
        assert "Ces heures ne sont pas comprises" in answer.text
        assert wrong.get("calendar", "") in answer.text
    assert len(meter.eco) == 1
    meter.is_down = True
    assert manager.post("/power/eco", data=form).status_code == 503


def test_the_hours_of_eco_mode_follow_the_offices_zone(manager: FlaskClient, meter: Meter) -> None:
    nights = EcoSettings(mode=EcoMode.CALENDAR, calendar="mon-fri 19:00-07:00")
    meter.power = replace(meter.power, eco=replace(ECO, settings=nights))
    assert manager.post("/settings", data=FORM).status_code == 303
    assert [each.time_zone for each in meter.eco] == ["America/Toronto"]
