# SPDX-License-Identifier: Apache-2.0
"""What a burn-in says, signed by the unit."""

from pathlib import Path
from typing import Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from atre.burn_in import signed
from atre.burn_in.findings import Findings, Remark
from atre.burn_in.unit import Unit
from atre.sentence import Sentence

_KIND = signed.Kind(b"atre burn-in report 1\n", Sentence("burn-in report", "rapport d’essai"))


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One burn-in. ``started_at`` is by the unit's own clock, which may be wrong on a new one.

    ``cuts`` counts earlier ones that nobody ended: the power failed, or the machine did.
    """

    format: Literal[1] = 1
    unit: Unit
    version: str
    started_at: str
    minutes: float
    has_passed: bool
    remarks: tuple[Remark, ...]
    findings: Findings
    cuts: int = 0


def write_signed(report: Report, key: Ed25519PrivateKey, path: Path) -> None:
    """Sign the report and keep it. Raises BurnInError if it cannot be written."""
    signed.write(report, _KIND, key, path)


def read_signed(path: Path) -> Report:
    """The report in a file, once its signature is checked.

    Raises BurnInError if it cannot be read, was changed, or is of another unit than its key says.
    """
    report, key = signed.read(path, _KIND, Report)
    if report.unit.key != key:
        raise signed.of_another_unit(path)
    return report
