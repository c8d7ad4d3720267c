# SPDX-License-Identifier: Apache-2.0
"""Which part of the data a check reads: after ``NUM_PARTS`` backups all of it was read."""

NUM_PARTS = 10


def part(num_checks: int) -> str:
    """The part n/N of ``restic check --read-data-subset``, one after another."""
    return f"{num_checks % NUM_PARTS + 1}/{NUM_PARTS}"
