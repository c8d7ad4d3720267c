# SPDX-License-Identifier: Apache-2.0
from reseller_kit.commands import kit

kit(prog_name="kit")
