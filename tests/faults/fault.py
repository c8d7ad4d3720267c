# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable
from dataclasses import dataclass

from tests.faults.world import World


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong. ``happen`` raises AssertionError, or says what came of it.

    Those ``is_in_suite`` are tried with every run of the tests, the others take longer together.
    """

    name: str
    made_by: str
    happen: Callable[[World], str]
    is_in_suite: bool = False
