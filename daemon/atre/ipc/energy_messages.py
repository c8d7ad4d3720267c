# SPDX-License-Identifier: Apache-2.0
"""What answers took, asked of ``atred`` on ``atred.sock``.

``DescribeEnergy`` → ``RequestEnergy``; ``DescribeShares`` → ``EnergyShares``.
"""

from typing import Annotated

from msgspec import Meta

from atre.ipc.message import Fraction, Message
from atre.ipc.power_basis import Basis

_RequestId = Annotated[str, Meta(max_length=40)]


class DescribeEnergy(Message, frozen=True):
    """Ask what these requests took together; each is ``Finished.request_id`` of an answer."""

    request_ids: Annotated[list[_RequestId], Meta(min_length=1, max_length=256)]


class RequestEnergy(Message, frozen=True):
    """What requests took, None where it is not known: that is never 0.

    ``j`` joules above the machine's idle baseline, ``j_idle_share`` their part of the baseline
    while they ran. ``source`` is that of the machine's power, and ``basis`` says what kind it is.
    ``uncertainty`` is the part of ``j`` that was inferred and not metered, from 0 to 1: time since
    the last reading, gaps, and readings that also cover time without work. Without ``is_metered``
    nothing ever told what the machine takes, so that asking again soon is of no use.
    """

    j: float | None = None
    j_idle_share: float | None = None
    basis: Basis = Basis.UNKNOWN
    source: str = ""
    uncertainty: Fraction | None = None
    is_metered: bool = True


class DescribeShares(Message, frozen=True):
    """Ask where the machine's energy went since ``atred`` started, and what answers take."""


class EnergyBucket(Message, frozen=True):
    """``count`` answers took from ``from_j`` to ``to_j`` joules above idle."""

    from_j: float
    to_j: float
    count: int


class EnergyShares(Message, frozen=True):
    """``requests_j + idle_j + other_j`` is what the machine took while its power was known.

    ``prompt_weight`` is what a token that is read takes, as a part of one that is written;
    ``is_calibrated`` says that both were measured on this machine. ``answers`` are those that
    ended lately, in buckets that double.
    """

    requests_j: float
    idle_j: float
    other_j: float
    prompt_weight: float
    is_calibrated: bool
    answers: list[EnergyBucket]
    median_j: float | None = None


EnergyRequest = DescribeEnergy | DescribeShares
