# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable
from dataclasses import dataclass

from tests.faults.world import World


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong. ``happen`` raises AssertionError, or says what came of it."""

    name: str
    made_by: str
    happen: Callable[[World], str]
