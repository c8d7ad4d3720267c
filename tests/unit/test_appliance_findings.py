# SPDX-License-Identifier: Apache-2.0
"""What the home page says of updates and of the machine."""

from typing import Any

import pytest
from msgspec.structs import replace
from tests.appliance_stand_in import DISK, MACHINE, OFFER, RELEASE, RETURNED, WELL
from tests.unit.test_findings import codes
from tests.unit.test_panel_pages import BOX

from atre.ipc.appliance_messages import DiskFinding, FactoryReset, Presence, PresenceMeans
from atre.sentence import Sentence

FAILING = DiskFinding(is_urgent=True, sentence=Sentence("It fails.", "Il lâche."))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"last_return": RETURNED}, ["update_rolled_back"]),
        ({"last_return": replace(RETURNED, was_asked=True)}, []),
        ({"offer": OFFER}, ["update_security"]),
        ({"offer": replace(OFFER, release=replace(RELEASE, is_security=False))}, ["update_ready"]),
        ({"offer": replace(OFFER, refusal=Sentence("No.", "Non."))}, []),
        ({"offer": replace(OFFER, release=None)}, []),
        ({"absence": Sentence("No.", "Non.")}, []),
    ],
)
def test_updates_on_the_home_page(changes: dict[str, Any], expected: list[str]) -> None:
    assert codes(updates=replace(WELL, **changes)) == expected
    assert "update_ready" not in codes(updates=replace(WELL, **changes), is_claimed=False)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"disks": [DISK]}, ["disk_wear"]),
        ({"disks": [replace(DISK, findings=[FAILING, *DISK.findings])]},
         ["disk_failing", "disk_wear"]),
        ({"factory_reset": FactoryReset(ordered_at=0.0, by="Marie")}, ["reset_pending"]),
        ({"presence": Presence(means=PresenceMeans.CONSOLE, ends_at=0.0)}, ["presence_code"]),
        ({"disk_problem": Sentence("Unknown.", "Inconnu.")}, []),
        ({"data_problem": Sentence("It is locked.", "C’est fermé.")}, ["data_closed"]),
    ],
)  # fmt: skip
def test_the_machine_on_the_home_page(changes: dict[str, Any], expected: list[str]) -> None:
    assert codes(machine=replace(MACHINE, **changes)) == expected


def test_a_disk_is_not_told_of_twice() -> None:
    sentence = DISK.findings[0].sentence
    box = replace(BOX, issues=[sentence.text, "odd"], issues_fr=[sentence.text_fr, "étrange"])
    found = codes(box=box, machine=replace(MACHINE, disks=[DISK]))
    assert found == ["box_issue", "disk_wear"]
