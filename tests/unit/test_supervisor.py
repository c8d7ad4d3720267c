# SPDX-License-Identifier: Apache-2.0
from atre.box.supervisor import restart_delay_s


def test_restarts_come_quickly_at_first_and_slowly_in_the_end() -> None:
    delays = [restart_delay_s(failures) for failures in range(20)]
    assert delays == sorted(delays)
    assert sum(delays[:3]) < 2.0, "a crash or two must not cost a person ten seconds"
    assert delays[-1] == 30.0
