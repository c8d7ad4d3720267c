# SPDX-License-Identifier: Apache-2.0
"""What units wrote of themselves, brought back on sticks, and whether it is to be believed."""

import hashlib
from pathlib import Path
from typing import NamedTuple

from atre.burn_in.report import Report, read_signed
from atre.choices.unit_file import CERTIFICATE, REPORT
from atre.errors import BurnInError, ConfigError
from atre.sealing.certificate import Certificate, read_certificate
from reseller_kit.records import Records

_NBSP = "\N{NO-BREAK SPACE}"


class Collected(NamedTuple):
    """What one unit says; ``certificate`` is None for one that was not sealed."""

    serial: str
    report: Report | None
    certificate: Certificate | None

    @property
    def key(self) -> str:
        """The fingerprint of the unit's own key."""
        said = self.certificate or (self.report and self.report.unit)
        return said.key if said else ""

    @property
    def is_done(self) -> bool:
        """Whether it may be packed: it was sealed, and did not fail its burn-in."""
        return self.certificate is not None and (self.report is None or self.report.has_passed)


def collect(folder: Path, records: Records) -> list[Collected]:
    """Check what lies in a folder, and keep it with the units' records.

    Raises ConfigError for nothing, for a unit that was not prepared here or shares its key with
    another one, and BurnInError for what is not to be believed.
    """
    suffixes = tuple(f"-{name}" for name in (REPORT, CERTIFICATE))
    names = {path.name for path in folder.glob("*.json") if path.name.endswith(suffixes)}
    serials = sorted({name.removesuffix(suffix) for name in names for suffix in suffixes
                      if name.endswith(suffix)})  # fmt: skip
    if not serials:
        raise ConfigError(
            f"There is no report of a unit in {folder}. Plug the stick into the unit again and "
            "wait a minute.",
            f"Il n’y a pas de rapport de boîtier dans {folder}. Rebranchez la clé USB sur le "
            "boîtier et attendez une minute.",
        )
    return [_collected(folder, serial, records) for serial in serials]


def _collected(folder: Path, serial: str, records: Records) -> Collected:
    unit = records.unit(serial)
    report_file, sealed_file = (folder / f"{serial}-{name}" for name in (REPORT, CERTIFICATE))
    report = read_signed(report_file) if report_file.exists() else None
    certificate = read_certificate(sealed_file) if sealed_file.exists() else None
    if report is not None and report.unit.serial != serial:
        raise _mixed_up(report_file, report.unit.serial)
    if certificate is not None:
        digest = hashlib.sha256(report_file.read_bytes()).hexdigest() if report else ""
        key = report.unit.key if report else certificate.key
        if (certificate.serial, certificate.name, certificate.key, certificate.report_sha256) != (
            serial, unit.name, key, digest,
        ):  # fmt: skip
            raise _mixed_up(sealed_file, certificate.serial)
    found = Collected(serial, report, certificate)
    for other in records.serials():
        if other != serial and records.key(other) == found.key:
            raise ConfigError(
                f"{serial} and {other} sign with the same key: one is a copy of the other's disk. "
                "Flash both again.",
                f"{serial} et {other} signent avec la même clé{_NBSP}: l’un est une copie du "
                "disque de l’autre. Réécrivez les deux.",
            )
    records.keep(serial, found.key, {
        name: file.read_bytes()
        for name, file in ((REPORT, report_file), (CERTIFICATE, sealed_file))
        if file.exists()
    })  # fmt: skip
    return found


def _mixed_up(file: Path, said: str) -> BurnInError:
    return BurnInError(
        f"{file} speaks of {said}, or of another report than lies beside it. Take both files from "
        "the unit's own stick again.",
        f"{file} parle de {said}, ou d’un autre rapport que celui d’à côté. Reprenez les deux "
        "fichiers sur la clé du boîtier.",
    )
