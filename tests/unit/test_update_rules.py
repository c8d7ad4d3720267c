# SPDX-License-Identifier: Apache-2.0
import datetime as dt
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from atre.errors import UpdateError, UpdateProblem
from atre.ipc.update_replies import Check, Offer, Release, UpdatePolicy
from atre.sentence import Sentence
from atre.updates.installer import BundleFacts, SlotFacts, SystemFacts
from atre.updates.record import Installed, Sickness
from atre.updates.release_rule import Candidate, Here, candidate_of, check, next_release
from atre.updates.schedule import is_install_due, is_look_due, next_hour
from atre.updates.settle import GO_BACK_S, go_back, settle
from atre.updates.version import version_key

DAY = 24 * 3600.0


def system(
    *, running: str = "a", good: str = "a", other_version: str = "", next_: str = "a"
) -> SystemFacts:
    slots = tuple(
        SlotFacts(
            slot,
            "1.4.0" if slot == running else other_version,
            is_running=slot == running,
            is_good=slot in good,
            is_whole=True,
        )
        for slot in ("a", "b")
    )
    return SystemFacts(slots, "b" if next_ == "b" else "a")


HERE = Here("1.4.0", "stable", "atre-x86-64", system())
NEW = Candidate(version="1.5.0", channel="stable", compatible="atre-x86-64")


def test_a_newer_version_of_this_box_is_taken() -> None:
    check(NEW, HERE)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"compatible": "atre-arm64"}, UpdateProblem.COMPATIBLE),
        ({"channel": "beta"}, UpdateProblem.CHANNEL),
        ({"channel": ""}, UpdateProblem.CHANNEL),
        ({"version": "1.4.0"}, UpdateProblem.OLDER),
        ({"version": "1.3.9"}, UpdateProblem.OLDER),
        ({"version": "0.9.0"}, UpdateProblem.OLDER),
        ({"minimum_version": "1.4.1"}, UpdateProblem.STEP),
        ({"version": "new"}, UpdateProblem.DAMAGED),
        ({"minimum_version": "?"}, UpdateProblem.DAMAGED),
    ],
)
def test_any_other_is_refused_with_its_reason(
    change: dict[str, str], problem: UpdateProblem
) -> None:
    with pytest.raises(UpdateError) as refused:
        check(replace(NEW, **change), HERE)
    assert refused.value.problem is problem
    assert refused.value.french != str(refused.value)


def test_nothing_is_installed_while_the_running_version_is_on_trial() -> None:
    on_trial = Here("1.4.0", "stable", "atre-x86-64", system(good="b"))
    with pytest.raises(UpdateError) as refused:
        check(NEW, on_trial)
    assert refused.value.problem is UpdateProblem.UNCONFIRMED


def offered(*versions: str) -> list[Candidate]:
    return [replace(NEW, version=each) for each in versions]


@pytest.mark.parametrize(
    ("versions", "chosen"),
    [
        ((), None),
        (("1.3.0", "1.4.0"), None),
        (("1.5.0", "1.6.2", "1.6.10"), "1.6.10"),
        (("1.5.0", "2.0.0", "3.1.0"), "1.5.0"),  # the last of this major first
        (("2.0.0", "2.3.0", "3.1.0"), "2.3.0"),  # then one major on
    ],
)
def test_the_last_of_a_major_comes_before_the_next(
    versions: tuple[str, ...], chosen: str | None
) -> None:
    found = next_release(offered(*versions), HERE)
    assert (found.version if found else None) == chosen


def test_what_is_not_for_this_box_is_not_offered() -> None:
    others = [replace(NEW, channel="beta"), replace(NEW, compatible="atre-arm64")]
    assert next_release(others, HERE) is None


def test_versions_are_ordered_by_number() -> None:
    assert version_key("1.10.0") > version_key("1.9.12")
    assert version_key("2.0.0-rc1") == version_key("2.0.0")
    for text in ("", "1", "1.2", "v1.2.3", "1.2.x"):
        with pytest.raises(ValueError, match="no version"):
            version_key(text)


def test_a_bundle_s_changes_are_told_in_both_languages_or_not_at_all() -> None:
    meta = {"channel": "stable", "changes-en": "Faster. | Safer.", "changes-fr": "Vite.|Sûr."}
    facts = BundleFacts("atre-x86-64", "1.5.0", {**meta, "made-at": "12.5", "security": "yes"})
    found = candidate_of(facts)
    assert found.changes == (Sentence("Faster.", "Vite."), Sentence("Safer.", "Sûr."))
    assert (found.made_at, found.is_security) == (12.5, True)
    halved = candidate_of(
        BundleFacts("x", "1.5.0", {**meta, "changes-fr": "Vite.", "made-at": "x"})
    )
    assert (halved.changes, halved.made_at, halved.channel) == ((), None, "stable")


INSTALLED = Installed(
    version="1.5.0",
    slot="b",
    previous_version="1.4.0",
    previous_slot="a",
    at=1000.0,
    boot_id="first",
)
SICK = Sickness(
    version="1.5.0",
    slot="b",
    at=1100.0,
    failed=Check.TOKEN,
    text="No token.",
    text_fr="Pas de mot.",
    log="the end",
)


def test_before_the_restart_nothing_is_known() -> None:
    waits = system(other_version="1.5.0", next_="b")
    assert settle(INSTALLED, waits, None, boot_id="first", now=1001.0) is None


def test_on_trial_nothing_is_known() -> None:
    on_trial = system(running="b", good="a", next_="b")
    assert settle(INSTALLED, on_trial, None, boot_id="second", now=1001.0) is None


def test_a_good_version_is_kept() -> None:
    kept = system(running="b", good="ab", other_version="1.4.0", next_="b")
    found = settle(INSTALLED, kept, None, boot_id="second", now=2000.0)
    assert found is not None
    assert found.returned is None
    assert found.installed == replace(INSTALLED, is_settled=True, kept_at=2000.0)
    assert settle(found.installed, kept, None, boot_id="third", now=3000.0) is None


def test_a_box_on_its_old_version_says_what_the_health_check_found() -> None:
    found = settle(INSTALLED, system(), SICK, boot_id="second", now=2000.0)
    assert found is not None
    assert found.returned is not None
    assert found.returned.failed is Check.TOKEN
    assert found.returned.reason == Sentence("No token.", "Pas de mot.")
    assert (found.returned.log, found.returned.back_to) == ("the end", "1.4.0")


@pytest.mark.parametrize("sickness", [None, replace(SICK, at=900.0), replace(SICK, slot="a")])
def test_a_version_that_told_nothing_did_not_come_up(sickness: Sickness | None) -> None:
    found = settle(INSTALLED, system(), sickness, boot_id="second", now=2000.0, log="old log")
    assert found is not None
    assert found.returned is not None
    assert found.returned.failed is None
    assert "three times" in found.returned.reason.text
    assert found.returned.log == "old log"


def test_a_cut_while_the_slot_was_written_is_no_failed_version() -> None:
    cut = replace(INSTALLED, is_written=False)
    assert settle(cut, system(), None, boot_id="second", now=2000.0) is None


def test_a_return_that_somebody_asked_for_is_told_as_such() -> None:
    asked = replace(INSTALLED, was_asked=True)
    kept = system(running="b", good="ab", next_="b")
    found = settle(asked, kept, None, boot_id="second", now=2000.0)
    assert found is not None
    assert found.returned is not None
    assert found.returned.was_asked


def kept_for(seconds: float, *, good: str = "ab", copied_at: float | None = None) -> object:
    kept = replace(INSTALLED, is_settled=True, kept_at=1200.0)
    box = system(running="b", good=good, other_version="1.4.0", next_="b")
    return go_back(kept, box, now=1200.0 + seconds, copied_at=copied_at)


def test_the_previous_version_can_be_had_back_for_a_month() -> None:
    told = kept_for(29 * DAY)
    assert getattr(told, "refusal", "") is None
    assert getattr(told, "until", 0.0) == 1200.0 + GO_BACK_S
    late = kept_for(31 * DAY)
    assert "month" in getattr(late, "refusal", Sentence("", "")).text


def test_a_version_that_did_not_come_up_is_not_gone_back_to() -> None:
    assert "did not come up" in getattr(kept_for(DAY, good="b"), "refusal", NONE).text


NONE = Sentence("", "")


def test_a_version_on_trial_can_be_left_at_any_time() -> None:
    box = system(running="b", good="a", other_version="1.4.0", next_="b")
    told = go_back(INSTALLED, box, now=9e9, copied_at=None)
    assert told is not None
    assert told.refusal is None


def test_what_would_be_set_aside_is_told() -> None:
    assert getattr(kept_for(DAY, copied_at=1100.0), "loses_since", 0) == 1100.0
    assert getattr(kept_for(DAY, copied_at=900.0), "loses_since", 0) is None


def test_an_empty_slot_is_nothing_to_go_back_to() -> None:
    assert go_back(None, system(), now=0.0, copied_at=None) is None


PARIS = dt.timezone(dt.timedelta(hours=1))
NOON = dt.datetime(2026, 11, 22, 12, 0, tzinfo=PARIS)


def offer(**change: object) -> Offer:
    release = Release(version="1.5.0", channel="stable", made_at=None, size_bytes=1, changes=[])
    plain = Offer(source="channel", location="", found_at=NOON.timestamp(), release=release)
    return replace(plain, **change)


def test_nobody_is_asked_unless_the_office_said_so() -> None:
    assert not UpdatePolicy().asks_channel
    assert not is_look_due(UpdatePolicy(), None, NOON)
    asks = UpdatePolicy(asks_channel=True)
    assert is_look_due(asks, None, NOON)
    assert not is_look_due(asks, offer(), NOON + dt.timedelta(hours=23))
    assert is_look_due(asks, offer(), NOON + dt.timedelta(hours=24))
    assert is_look_due(asks, offer(), NOON - dt.timedelta(days=9))


BY_ITSELF = UpdatePolicy(asks_channel=True, installs_itself=True, hour=12)


def test_what_was_found_is_installed_at_the_hour_once_a_day() -> None:
    assert is_install_due(BY_ITSELF, offer(), NOON, None)
    assert not is_install_due(BY_ITSELF, offer(), NOON, NOON)
    assert is_install_due(BY_ITSELF, offer(), NOON, NOON - dt.timedelta(days=1))


@pytest.mark.parametrize(
    "make",
    [
        lambda: (UpdatePolicy(asks_channel=True, hour=12), offer()),
        lambda: (UpdatePolicy(installs_itself=True, hour=12), offer()),
        lambda: (replace(BY_ITSELF, hour=3), offer()),
        lambda: (BY_ITSELF, None),
        lambda: (BY_ITSELF, offer(release=None)),
        lambda: (BY_ITSELF, offer(source="usb")),
        lambda: (BY_ITSELF, offer(refusal=Sentence("no", "non"))),
    ],
)
def test_nothing_else_is_installed_by_itself(
    make: Callable[[], tuple[UpdatePolicy, Offer | None]],
) -> None:
    policy, found = make()
    assert not is_install_due(policy, found, NOON, None)


def test_the_hour_is_the_next_one() -> None:
    assert next_hour(NOON, 12) == NOON + dt.timedelta(days=1)
    assert next_hour(NOON, 13) == NOON + dt.timedelta(hours=1)
