# SPDX-License-Identifier: Apache-2.0
"""One folder a unit: what goes onto it, what its label says, and what was done to it."""

import secrets
from pathlib import Path

import msgspec

from atre.choices.unit_file import CERTIFICATE, REPORT, UnitFile, in_toml, read_unit_file
from atre.errors import ConfigError
from atre.provision.file import read as read_provision
from atre.stick.names import PROVISION
from atre.system.durable import write_durably
from atre_web.accounts import claim_code, passwords

_UNIT, _LABEL, _FLASH = "unit.toml", "label.json", "flash.json"
_KEY = "key.txt"
_NBSP = "\N{NO-BREAK SPACE}"


class LabelFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the label says. ``code`` is the claim code in clear, which exists only here."""

    serial: str
    name: str
    code: str


class Flashed(msgspec.Struct, frozen=True, kw_only=True):
    """What was written to a unit. Only ``is_done`` says that it was read back and is whole.

    ``sha256`` and ``num_bytes`` are those of the image as it lies on the disk, not compressed.
    """

    image: str
    target: str
    started_at: str
    ended_at: str = ""
    num_bytes: int = 0
    sha256: str = ""
    is_done: bool = False
    problem: str = ""


class Records:
    """The units of a reseller, below one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def serials(self) -> list[str]:
        return sorted(path.parent.name for path in self._folder.glob(f"*/{_UNIT}"))

    def prepare(self, serial: str, provision: str = "format = 1\n") -> LabelFacts:
        """Give a new unit its name and its claim code.

        ``provision`` is what all units are set up with. Raises ConfigError if the unit has them
        already, or that is no provision file.
        """
        if (self._folder / serial / _UNIT).exists():
            raise ConfigError(
                f"{serial} is prepared already. Its label is {self._folder / serial / _LABEL}.",
                f"{serial} est déjà préparé. Son étiquette est {self._folder / serial / _LABEL}.",
            )
        digits = claim_code.new_code()
        unit = UnitFile(serial=serial, name=self._new_name(), claim=passwords.hashed(digits))
        facts = LabelFacts(serial=serial, name=unit.name, code=claim_code.printed(digits))
        whole = f"{provision}\n[unit]\n{in_toml(unit)}".encode()
        read_provision(whole)
        # The label first: a unit whose code is on no label would be lost.
        self._write(serial, _LABEL, msgspec.json.format(msgspec.json.encode(facts)))
        self._write(serial, PROVISION, whole)
        self._write(serial, _UNIT, in_toml(unit).encode())
        return facts

    def unit(self, serial: str) -> UnitFile:
        """What goes onto the unit. Raises ConfigError."""
        path = self.unit_file(serial)
        if not path.exists():
            raise ConfigError(
                f"{serial} is not prepared. Type: kit prepare {serial}",
                f"{serial} n’est pas préparé. Tapez{_NBSP}: kit prepare {serial}",
            )
        return read_unit_file(path)

    def unit_file(self, serial: str) -> Path:
        return self._folder / serial / _UNIT

    def label(self, serial: str) -> LabelFacts:
        """What the label says. Raises ConfigError once the code was forgotten."""
        self.unit(serial)
        try:
            return msgspec.json.decode(
                (self._folder / serial / _LABEL).read_bytes(), type=LabelFacts
            )
        except (OSError, msgspec.DecodeError) as error:
            raise ConfigError(
                f"The claim code of {serial} is not kept any more, so its label cannot be printed "
                "again. Remove its folder, prepare it anew and seal the unit again.",
                f"Le code de {serial} n’est plus gardé{_NBSP}: son étiquette ne peut plus être "
                "imprimée. Supprimez son dossier, préparez-le de nouveau et scellez-le encore.",
            ) from error

    def forget_code(self, serial: str) -> None:
        """Keep the claim code no longer, once the label is on the unit."""
        (self._folder / serial / _LABEL).unlink(missing_ok=True)

    def flashed(self, serial: str) -> Flashed | None:
        try:
            return msgspec.json.decode((self._folder / serial / _FLASH).read_bytes(), type=Flashed)
        except (OSError, msgspec.DecodeError):
            return None

    def note(self, serial: str, flashed: Flashed) -> None:
        """Keep what was done to a unit. Raises OSError."""
        self._write(serial, _FLASH, msgspec.json.format(msgspec.json.encode(flashed)))

    def key(self, serial: str) -> str | None:
        """The fingerprint of the unit's own key, once something that it signed was collected."""
        try:
            return (self._folder / serial / _KEY).read_text("ascii").strip()
        except (OSError, UnicodeDecodeError):
            return None

    def keep(self, serial: str, key: str, said: dict[str, bytes]) -> None:
        """Keep what the unit said of itself, in place of what it said before. Raises OSError."""
        self._write(serial, _KEY, f"{key}\n".encode())
        for name in (REPORT, CERTIFICATE):
            if name in said:
                self._write(serial, name, said[name])
            else:
                (self._folder / serial / name).unlink(missing_ok=True)

    def _write(self, serial: str, name: str, content: bytes) -> None:
        write_durably(self._folder / serial / name, content)

    def _new_name(self) -> str:
        """``atre-`` and four hex digits, no other unit's here: two may stand in one office."""
        taken = {self.unit(serial).name for serial in self.serials()}
        while (name := f"atre-{secrets.token_hex(2)}") in taken:
            pass
        return name
