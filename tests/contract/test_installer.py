# SPDX-License-Identifier: Apache-2.0
"""The one contract of what writes slots: the real RAUC on a private bus, and the tests' stand-in.

What this machine cannot show is the writing of a ``verity`` bundle, which needs device-mapper: it
is refused here with that reason, and written in the tests of the image.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.contract.rauc_service import Keys, RaucService, make_bundle, missing
from tests.fake_installer import FakeInstaller, fake_bundle

from atre.errors import UpdateError, UpdateProblem
from atre.updates.installer import Installer
from atre.updates.rauc import Rauc


class Place(NamedTuple):
    """An installer, what makes bundles for it, and what its other slot holds."""

    installer: Installer
    bundle: Callable[..., Path]
    written: Callable[[], bytes]


@pytest.fixture(params=["fake", "rauc"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "fake":
        fake = FakeInstaller()
        yield Place(fake, lambda **asked: fake_bundle(tmp_path, **asked), lambda: fake.written)
        return
    if missing():
        pytest.skip(missing())
    keys, stranger = Keys(tmp_path / "keys", "release"), Keys(tmp_path / "keys", "stranger")

    def bundle(*, is_ours: bool = True, **asked: Any) -> Path:
        return make_bundle(tmp_path, keys if is_ours else stranger, **asked)

    with RaucService(tmp_path, keys) as service:
        rauc = Rauc(service.address)
        yield Place(rauc, bundle, lambda: service.read("root.1", 8))
        rauc.close()


def test_a_signed_bundle_is_written_and_starts_next(place: Place) -> None:
    installer = place.installer
    assert installer.compatible == "atre-x86-64"
    before = installer.facts()
    assert before.next == "a"
    assert before.running is not None
    assert before.running.slot == "a"
    assert before.running.is_good

    seen: list[float] = []
    bundle = place.bundle(version="2.0.0")
    assert installer.inspect(bundle).version == "2.0.0"
    installer.install(bundle, seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert place.written() == b"root new"

    after = installer.facts()
    assert after.next == "b"
    assert after.other is not None
    assert after.other.version == "2.0.0"
    assert after.other.is_whole
    assert not after.other.is_good
    assert after.other.installed_at is not None

    installer.give_up("b")
    assert installer.facts().next == "a"
    installer.start_next("b")
    assert installer.facts().next == "b"
    installer.start_next("a")
    installer.keep_running()
    assert installer.facts().next == "a"
    with pytest.raises(UpdateError) as refused:
        installer.give_up("a")
    assert refused.value.problem is UpdateProblem.UNCONFIRMED


def test_what_is_wrong_with_a_bundle_is_told_and_nothing_is_written(place: Place) -> None:
    whole = place.bundle(version="2.0.0")
    cut = whole.with_name("cut.raucb")
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    empty = whole.with_name("empty.raucb")
    empty.write_bytes(b"")
    wanted = [
        (place.bundle(is_ours=False), UpdateProblem.SIGNATURE),
        (place.bundle(compatible="other-box"), UpdateProblem.COMPATIBLE),
        (cut, UpdateProblem.DAMAGED),
        (empty, UpdateProblem.DAMAGED),
        (whole.with_name("none.raucb"), UpdateProblem.NO_BUNDLE),
    ]
    before = (place.installer.facts(), place.written())
    for bundle, problem in wanted:
        with pytest.raises(UpdateError) as refused:
            place.installer.install(bundle, lambda _: None)
        assert refused.value.problem is problem, bundle
        assert refused.value.french != str(refused.value)
    assert (place.installer.facts(), place.written()) == before


def test_a_stranger_s_bundle_is_not_even_described(place: Place) -> None:
    with pytest.raises(UpdateError) as refused:
        place.installer.inspect(place.bundle(is_ours=False))
    assert refused.value.problem is UpdateProblem.SIGNATURE


@pytest.mark.skipif(bool(missing()), reason=missing())
def test_where_the_kernel_cannot_check_a_bundle_it_says_so(tmp_path: Path) -> None:
    with suppress(OSError), Path("/dev/mapper/control").open():
        pytest.skip("this kernel has device-mapper")
    keys = Keys(tmp_path / "keys", "release")
    with RaucService(tmp_path, keys) as service:
        rauc = Rauc(service.address)
        with pytest.raises(UpdateError, match="dm-verity"):
            rauc.install(make_bundle(tmp_path, keys, form="verity"), lambda _: None)
        rauc.close()


@pytest.mark.skipif(bool(missing()), reason=missing())
def test_a_bundle_that_cannot_be_read_to_its_end_costs_no_slot(tmp_path: Path) -> None:
    """The program of the image that reads it is tried on the image, with one wrong bit."""
    keys = Keys(tmp_path / "keys", "release")
    with RaucService(tmp_path, keys, before=Path("/bin/false")) as service:
        rauc = Rauc(service.address)
        before = rauc.facts()
        with pytest.raises(UpdateError) as refused:
            rauc.install(make_bundle(tmp_path, keys), lambda _: None)
        assert refused.value.problem is UpdateProblem.DAMAGED
        assert rauc.facts() == before
        assert service.read("boot.1", 8) == bytes(8)
        rauc.close()


def test_without_the_service_updates_are_absent(tmp_path: Path) -> None:
    rauc = Rauc(f"unix:path={tmp_path / 'none'}")
    with pytest.raises(UpdateError) as refused:
        rauc.facts()
    assert refused.value.problem is UpdateProblem.ABSENT
    rauc.close()
