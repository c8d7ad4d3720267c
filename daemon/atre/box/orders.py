# SPDX-License-Identifier: Apache-2.0
import os
from collections.abc import Callable

from atre.backup.at_start import finish_restore
from atre.config import Config
from atre.provision.record import environment
from atre.reset import order as factory_reset
from atre.sealing.carry_out import Bench


def carry_out_orders(config: Config, make_directories: Callable[[Config], None]) -> bool:
    """Do what was ordered for this start of the box, before anything of its data is opened.

    Sets what was provisioned for its processes, ours and the races'. False if a test of the unit
    was ended by a shutdown: the box does not start then. Raises ConfigError.
    """
    if factory_reset.finish(config.data_dir):
        make_directories(config)
    finish_restore(config.data_dir)
    os.environ.update(environment(config.state_dir, config.runtime_dir))
    return Bench(config).lets_box_start()
