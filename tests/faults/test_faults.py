# SPDX-License-Identifier: Apache-2.0
import os
from pathlib import Path

import pytest
from tests.faults.all_faults import FAULTS
from tests.faults.cuts import run_cuts
from tests.faults.fault import Fault
from tests.faults.own_mounts import in_own_mounts
from tests.faults.parts import missing_part
from tests.faults.world import World

_WHY = missing_part()
pytestmark = pytest.mark.skipif(_WHY is not None, reason=f"faults cannot be made here: {_WHY}")

_SEEDS = (101, 102)
_CUTS = 5


def test_no_power_cut_loses_a_confirmed_backup_or_breaks_a_box(tmp_path: Path) -> None:
    tally = in_own_mounts(lambda: run_cuts(tmp_path, _SEEDS, _CUTS, at_once=len(_SEEDS)))
    assert tally.failures == []
    assert tally.num_cuts == len(_SEEDS) * _CUTS


@pytest.mark.parametrize(
    "fault",
    FAULTS if "ATRE_ALL_FAULTS" in os.environ else [each for each in FAULTS if each.is_in_suite],
    ids=lambda each: each.name,
)
def test_a_fault_is_survived(fault: Fault, tmp_path: Path) -> None:
    def happen() -> str:
        with World(tmp_path) as world:
            world.back_up()
            return fault.happen(world)

    assert in_own_mounts(happen)
