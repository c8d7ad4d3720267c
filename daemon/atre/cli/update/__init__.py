# SPDX-License-Identifier: Apache-2.0
from atre.cli.update.confirm import confirm
from atre.cli.update.group import UpdateGroup, update
from atre.cli.update.install import check, install
from atre.cli.update.policy import policy
from atre.cli.update.status import rollback, status

__all__ = ["UpdateGroup", "update"]

for _verb in (status, check, install, confirm, rollback, policy):
    update.add_command(_verb)
