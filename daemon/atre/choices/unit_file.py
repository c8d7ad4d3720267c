# SPDX-License-Identifier: Apache-2.0
"""What a reseller gave this unit: its serial number, its name, and the hash of its label's code.

They stand in ``factory/``, which no backup takes and no factory reset touches: the label stays on
the unit, whatever happens to what is in it.
"""

import re
import tomllib
from pathlib import Path

import msgspec

from atre.errors import ConfigError
from atre.system.durable import write_durably
from atre.system.host_name import is_host_name

FOLDER = "factory"
# What the unit says of itself there, signed: how its burn-in went, and that it was sealed.
REPORT, CERTIFICATE = "burn-in.json", "sealed.json"
_SERIAL_FILE, _NAME_FILE, _CLAIM_FILE = "serial", "host-name", "claim-code"
_MAX_BYTES = 2**14
_SERIAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,39}")
# As ``atre_web.accounts.passwords`` writes it; only the hash of the code is ever on a unit.
_HASH = re.compile(
    r"\$argon2id\$v=19\$m=\d{1,7},t=\d{1,3},p=\d{1,2}\$[\w+/]{16,64}\$[\w+/]{32,128}"
)


class UnitFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``name`` is the host name without ``.local``; ``claim`` is the PHC string of the code.

    Raises ConfigError for what no label can say.
    """

    serial: str
    name: str
    claim: str

    def __post_init__(self) -> None:
        for field, is_right in (
            ("serial", _SERIAL.fullmatch(self.serial)),
            ("name", is_host_name(self.name) and "." not in self.name),
            ("claim", _HASH.fullmatch(self.claim)),
        ):
            if not is_right:
                raise ConfigError(
                    f"The unit file's {field} is wrong: {getattr(self, field)[:100]!r}. Make the "
                    "file with the reseller's kit.",
                    f"Le champ {field} du fichier du boîtier est faux\N{NO-BREAK SPACE}: "
                    f"{getattr(self, field)[:100]!r}. Faites le fichier avec le kit de revendeur.",
                )


def read_unit_file(path: Path) -> UnitFile:
    """The file that the reseller's kit wrote. Raises ConfigError."""
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_BYTES).decode()
        return msgspec.convert(tomllib.loads(text), UnitFile)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read ({error.strerror}).",
            f"{path} ne peut pas être lu ({error.strerror}).",
        ) from error
    except (ValueError, msgspec.ValidationError) as error:
        raise ConfigError(
            f"{path} is no unit file: {error}. Make it with the reseller's kit.",
            f"{path} n’est pas un fichier de boîtier\N{NO-BREAK SPACE}: {error}. Faites-le avec le "
            "kit de revendeur.",
        ) from error


def adopted(data_dir: Path) -> UnitFile | None:
    """What this unit was given; None for nothing, or for what cannot be read any more."""
    folder = data_dir / FOLDER
    try:
        serial, name, claim = (
            (folder / file).read_text("utf-8").strip()
            for file in (_SERIAL_FILE, _NAME_FILE, _CLAIM_FILE)
        )
        return UnitFile(serial=serial, name=name, claim=claim)
    except (OSError, UnicodeDecodeError, ConfigError):
        return None


def adopt(data_dir: Path, given: UnitFile) -> None:
    """Keep it; the box takes name and code from its next start on. Raises OSError."""
    for file, text in (
        (_SERIAL_FILE, given.serial),
        (_NAME_FILE, given.name),
        (_CLAIM_FILE, given.claim),
    ):
        write_durably(data_dir / FOLDER / file, f"{text}\n".encode())


def given_name(data_dir: Path) -> str | None:
    """The host name on the label, None for a box without one."""
    given = adopted(data_dir)
    return given.name if given else None


def in_toml(unit: UnitFile) -> str:
    """The file's text. No value holds a quote or a backslash."""
    return f'serial = "{unit.serial}"\nname = "{unit.name}"\nclaim = "{unit.claim}"\n'
