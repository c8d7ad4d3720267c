# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest
from tests.faults.all_faults import FAULTS
from tests.faults.cuts import run_cuts
from tests.faults.fault import Fault
from tests.faults.parts import missing_part
from tests.faults.world import World

_WHY = missing_part()
pytestmark = pytest.mark.skipif(_WHY is not None, reason=f"faults cannot be made here: {_WHY}")

_SEEDS = (101, 102)
_CUTS = 5


def test_no_power_cut_loses_a_confirmed_backup_or_breaks_a_box(tmp_path: Path) -> None:
    tally = run_cuts(tmp_path, _SEEDS, _CUTS, at_once=len(_SEEDS), say=print)
    assert tally.failures == []
    assert tally.num_cuts == len(_SEEDS) * _CUTS


@pytest.mark.parametrize("fault", FAULTS, ids=lambda each: each.name)
def test_a_fault_is_survived(fault: Fault, tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.back_up()
        assert fault.happen(world)
