# SPDX-License-Identifier: Apache-2.0
"""Real events of the kernel and of udev, as loop devices get and lose a disk."""

import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from atre.media import udev_watch
from atre.media.udev_watch import UdevWatch

if TYPE_CHECKING:
    from tests.media.real_udisks import RealUDisks

_TIMEOUT_S = 20.0


@pytest.mark.parametrize("udev_runs", [True, False])
def test_a_disk_that_comes_and_goes_is_heard_of(
    real_udisks: "RealUDisks", monkeypatch: pytest.MonkeyPatch, *, udev_runs: bool
) -> None:
    # udevd runs in a namespace of its own here; what it says is heard outside all the same.
    monkeypatch.setattr(udev_watch, "_UDEV_RUNS", Path("/" if udev_runs else "/no/udev"))
    heard = threading.Event()
    with closing(UdevWatch(heard.set)) as watch:
        assert watch.start()
        device = real_udisks.plug_in(real_udisks.image())
        assert heard.wait(_TIMEOUT_S)
        heard.clear()
        real_udisks.pull_out(device)
        assert heard.wait(_TIMEOUT_S)


def test_nothing_is_heard_after_the_end(real_udisks: "RealUDisks") -> None:
    heard = threading.Event()
    watch = UdevWatch(heard.set)
    watch.close()  # before it began
    assert watch.start()
    watch.close()
    watch.close()
    real_udisks.pull_out(real_udisks.plug_in(real_udisks.image()))
    assert not heard.is_set()
