# SPDX-License-Identifier: Apache-2.0
from typing import Protocol, TypeVar

import msgspec

from atre.burn_in.turn import Turn

Result_co = TypeVar("Result_co", bound=msgspec.Struct, covariant=True)


class Probe(Protocol[Result_co]):
    """One thing that is put to the test.

    ``run`` works until its turn is over, and at least once. What it finds wrong is in its result;
    it raises only what no probe can answer for. However it ends, Ctrl-C included, it leaves no file
    and no process behind.
    """

    def run(self, turn: Turn) -> Result_co: ...
