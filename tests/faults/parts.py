# SPDX-License-Identifier: Apache-2.0
from tests.faults import clock, disk


def missing_part() -> str | None:
    """Why faults cannot be made on this machine, None if they can."""
    return disk.missing_part() or clock.missing_part()
