# SPDX-License-Identifier: Apache-2.0
"""The traffic light: facts in, findings out, and every finding has words and a page that mends."""

import dataclasses
import re
from typing import Any, get_args

import msgspec
import pytest
from flask import Flask
from tests.unit.test_panel_pages import BOX, ENGINE, NOW

from atre.ipc.messages import DiscoveryState
from atre.ipc.power_messages import Supply, UpsReport
from atre.sentence import NOTHING, Sentence
from atre.space.level import SpaceLevel
from atre_web.accounts.authorisation import TABLE, access
from atre_web.office.finding_words import levels, words
from atre_web.office.findings import Code, Facts, Finding, findings, light
from atre_web.panel import language

GREEN = Facts(
    engine=ENGINE, engine_problem=NOTHING, embedder_problem=NOTHING, box=BOX, is_factory=False,
    free_bytes=10**12, space=SpaceLevel.OK, now=NOW,
    latest_known=NOW - 60, is_claimed=True, num_people=3,
    num_invitations=0,
)  # fmt: skip
UPS = UpsReport(
    name="office", model="", supply=Supply.MAINS, charge=1.0, runtime_s=None, load=None,
    needs_battery=False, problem=None,
)  # fmt: skip
replace = msgspec.structs.replace


def codes(**changes: Any) -> list[str]:
    return [each.code for each in findings(dataclasses.replace(GREEN, **changes))]


def test_a_box_that_is_well_has_nothing_to_say() -> None:
    assert codes() == []
    assert light([]) is None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"engine": None, "engine_problem": Sentence("loading", "en cours")}, ["engine_down"]),
        ({"box": None}, ["box_down"]),
        ({"engine": replace(ENGINE, issues=["half"], issues_fr=["moitié"])}, ["model_issue"]),
        ({"embedder_problem": Sentence("lost", "perdu")}, ["embedder_down"]),
        ({"box": replace(BOX, issues=["odd"])}, ["box_issue"]),
        ({"box": replace(BOX, notices=[Sentence("old", "usé")])}, ["notice"]),
        ({"box": replace(BOX, certificate_ends_at=NOW - 1)}, ["certificate_ended"]),
        ({"box": replace(BOX, certificate_ends_at=NOW + 1)}, []),
        ({"box": replace(BOX, plain_http_api=True, http_port=80)}, ["plain_http"]),
        ({"box": replace(BOX, plain_http_api=False, http_port=80)}, []),
        ({"box": replace(BOX, is_discovery_wanted=False)}, ["discovery_off"]),
        ({"box": replace(BOX, discovery=DiscoveryState.UNAVAILABLE)}, ["discovery_unavailable"]),
        ({"box": replace(BOX, discovery=DiscoveryState.PROBING)}, []),
        ({"box": replace(BOX, discovery=DiscoveryState.UNAVAILABLE, lan_port=None)}, []),
        ({"free_bytes": 0, "space": SpaceLevel.FULL}, ["disk_full"]),
        ({"space": SpaceLevel.CRITICAL}, ["disk_critical"]),
        ({"space": SpaceLevel.LOW}, ["disk_low"]),
        ({"free_bytes": None, "space": None}, []),
        ({"now": 60.0}, ["clock_unset"]),
        ({"latest_known": NOW + 2 * 24 * 3600}, ["clock_back"]),
        ({"latest_known": NOW + 3600}, []),
        ({"latest_known": None}, []),
        ({"latest_known": NOW + 2 * 24 * 3600, "is_clock_synchronised": True}, []),
        ({"now": 2_200_000_000.0, "latest_known": None}, ["clock_ahead"]),
        ({"now": 2_200_000_000.0, "is_clock_synchronised": False}, ["clock_ahead"]),
        ({"now": 2_200_000_000.0, "is_clock_synchronised": True}, []),
        ({"is_transfer": True}, ["transfer"]),
        ({"is_claimed": False, "num_people": 0}, ["unclaimed"]),
        ({"ups": UPS}, []),
        ({"ups": replace(UPS, supply=Supply.BATTERY)}, ["ups_battery"]),
        ({"ups": replace(UPS, supply=Supply.ENDING)}, ["ups_ending"]),
        ({"ups": replace(UPS, problem=Sentence("mute", "muet"))}, ["ups_silent"]),
        ({"ups": replace(UPS, supply=Supply.UNKNOWN)}, []),
        ({"ups": replace(UPS, needs_battery=True)}, ["ups_replace"]),
        ({"is_factory": True}, ["factory_model"]),
        ({"num_invitations": 2}, ["invitations"]),
        ({"num_people": 1}, ["alone"]),
        ({"num_people": 1, "num_invitations": 1}, ["invitations"]),
    ],
)
def test_each_fact_has_its_finding(changes: dict[str, Any], expected: list[str]) -> None:
    assert codes(**changes) == expected


def test_the_most_urgent_comes_first_and_gives_the_light_its_colour() -> None:
    found = [
        Finding("factory_model", "advice"),
        Finding("plain_http", "attention"),
        Finding("engine_down", "urgent"),
    ]
    assert [light(found[:number]) for number in range(4)] == [None, None, "attention", "urgent"]
    many = codes(engine=None, is_factory=True, space=SpaceLevel.LOW, num_invitations=1)
    assert many == ["engine_down", "disk_low", "factory_model", "invitations"]


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_every_finding_is_said_and_leads_to_a_page_that_exists(lang: str) -> None:
    app = Flask("atre_web")
    language.install(app)
    values = {"port": 80.0, "free_bytes": 5e8, "num": 2.0}
    with app.test_request_context(f"/?lang={lang}"):
        for code in get_args(Code):
            if code in {
                "clock_back",
                "clock_ahead",
                "backup_old",
                "reset_pending",
                "presence_code",
            }:
                continue  # they say a moment, for which they need the office's time zone
            said = words(Finding(code, "attention", "in English", "en français", values))
            assert said.text, code
            assert said.link, code
            assert not re.search(r"%\(", said.sentence), code
            assert access(TABLE, said.href, "GET") is not None, code
        assert len(set(levels().values())) == 4
