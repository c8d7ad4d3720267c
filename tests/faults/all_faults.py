# SPDX-License-Identifier: Apache-2.0
from tests.faults.other_faults import OTHER_FAULTS
from tests.faults.stick_faults import STICK_FAULTS

FAULTS = (*STICK_FAULTS, *OTHER_FAULTS)
