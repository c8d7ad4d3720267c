# SPDX-License-Identifier: Apache-2.0
"""What a backup may rely on, whatever it is written to: one suite for the fake and the real."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.media.kinds import KINDS, Kind, opened
from tests.media.real_udisks import RealUDisks

from atre.errors import MediaError, NotFoundError
from atre.ipc.media_messages import TargetReport, TargetState
from atre.media.targets import MediaTargets


@pytest.fixture(params=KINDS)
def kind(
    request: pytest.FixtureRequest,
    udisks_or_why: RealUDisks | str,  # noqa: ARG001 - of the session, so not started in a test
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Kind]:
    monkeypatch.setattr("atre.media.targets._SERVER_S", 0.0)  # asked anew each time
    with opened(request.param, request, tmp_path) as made:
        yield made


def started(kind: Kind, tmp_path: Path) -> MediaTargets:
    """The targets as a box that starts finds them."""
    return MediaTargets(tmp_path / "state", tmp_path / "data", kind.disks)


def only(targets: MediaTargets) -> TargetReport:
    (report,) = targets.describe().targets
    assert (report.reason is None) == (report.state is TargetState.READY)
    if report.reason is not None:
        assert report.reason.text != report.reason.text_fr
    return report


def test_what_was_stored_is_there_after_a_restart_and_a_rename(kind: Kind, tmp_path: Path) -> None:
    targets = started(kind, tmp_path)
    kind.add(targets, "Lundi")
    added = only(targets)
    assert (added.label, added.state) == ("Lundi", TargetState.READY)
    with targets.hold(added.id) as place:
        assert (place.id, place.name) == (added.id, "Lundi")
        (kind.inside(place) / "stored").write_bytes(b"kept")
    targets.rename(added.id, "Jeudi")

    again = started(kind, tmp_path)
    report = only(again)
    assert (report.id, report.label, report.state) == (added.id, "Jeudi", TargetState.READY)
    assert report.last_seen_at is not None
    with again.hold(added.id, is_read=True) as place:
        assert (kind.inside(place) / "stored").read_bytes() == b"kept"


def test_what_is_away_gets_nothing_says_why_and_is_known_again(kind: Kind, tmp_path: Path) -> None:
    targets = started(kind, tmp_path)
    kind.add(targets, "Lundi")
    target = only(targets).id
    with targets.hold(target) as place:
        (kind.inside(place) / "stored").write_bytes(b"kept")
    kind.take_away()
    assert only(targets).state is not TargetState.READY
    for is_read in (False, True):
        with pytest.raises(MediaError) as raised, targets.hold(target, is_read=is_read):
            pass
        assert raised.value.french != str(raised.value)
    kind.bring_back()
    assert only(targets).state is TargetState.READY
    with targets.hold(target) as place:
        assert (kind.inside(place) / "stored").read_bytes() == b"kept"


def test_a_target_that_is_removed_keeps_what_is_stored(kind: Kind, tmp_path: Path) -> None:
    targets = started(kind, tmp_path)
    kind.add(targets, "Lundi")
    target = only(targets).id
    with targets.hold(target) as place:
        (kind.inside(place) / "stored").write_bytes(b"kept")
    targets.remove(target)
    assert targets.describe().targets == []
    with pytest.raises(NotFoundError), targets.hold(target):
        pass
    kind.add(targets, "Encore")
    with targets.hold(only(targets).id) as place:
        assert (kind.inside(place) / "stored").read_bytes() == b"kept"
