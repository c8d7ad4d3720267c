# SPDX-License-Identifier: Apache-2.0
"""``atre-provision.toml``, read strictly: whatever is not known or makes no sense is an error."""

import re
import zoneinfo
from typing import Annotated, Literal

import msgspec
from cryptography import x509
from msgspec import Meta

from atre.choices.unit_file import UnitFile
from atre.errors import ConfigError, InvalidRequestError
from atre.ipc.appliance_messages import NetworkSettings
from atre.network.settings import check as check_network

FORMAT = 1
MAX_BYTES = 256 * 1024

_Line = Annotated[str, Meta(max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]
_Id = Annotated[str, Meta(max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Office(_Table, frozen=True):
    """The office; what is empty is left as it is."""

    name: _Line = ""
    language: Literal["", "fr", "fr-CA", "en"] = ""
    time_zone: Annotated[str, Meta(max_length=64)] = ""


class Reseller(_Table, frozen=True):
    """Who sold the box, for support."""

    id: _Id


class Bench(_Table, frozen=True):
    """What the unit does before it is sold, once; another ``attempt`` does it again.

    Without ``burn_in_minutes`` it is not tested; ``seal`` makes it ready to be packed.
    """

    burn_in_minutes: Annotated[float, Meta(gt=0, le=7 * 24 * 60)] | None = None
    seal: bool = False
    attempt: Annotated[int, Meta(ge=1)] = 1


class Model(_Table, frozen=True):
    """A model of the catalogue to fetch, and to use once it is there."""

    preload: _Id


class Trust(_Table, frozen=True):
    """``ca`` is a certificate authority in PEM that the box believes as those of its system."""

    ca: Annotated[str, Meta(max_length=64 * 1024)]


class Provision(_Table, frozen=True):
    """The whole file. ``format`` is 1; ``unit`` is what the reseller's label says."""

    format: Literal[1]
    office: Office = Office()
    network: NetworkSettings | None = None
    reseller: Reseller | None = None
    bench: Bench | None = None
    model: Model | None = None
    trust: Trust | None = None
    unit: UnitFile | None = None


def read(data: bytes) -> Provision:
    """Raises ConfigError: one sentence that names the line, or the key."""
    if len(data) > MAX_BYTES:
        raise _wrong("", f"it has more than {MAX_BYTES} bytes", f"plus de {MAX_BYTES} octets")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise _wrong(
            "", f"line {line} is not UTF-8 text", f"la ligne {line} n’est pas du texte UTF-8"
        ) from error
    try:
        found = msgspec.toml.decode(text, type=Provision)
    except msgspec.ValidationError as error:
        said, _, path = str(error).partition(" - at `$")
        raise _wrong(path.strip("`."), *_in_words(said)) from error
    except msgspec.DecodeError as error:
        # tomllib says where: "… (at line 3, column 9)".
        where = re.search(r"line (\d+)", str(error))
        french = f"la ligne {where[1]} n’est pas du TOML" if where else "ce n’est pas du TOML"
        raise _wrong("", str(error), french) from error
    _check(found)
    return found


def _check(found: Provision) -> None:
    zone = found.office.time_zone
    if zone and zone not in zoneinfo.available_timezones():
        raise _wrong(
            "office.time_zone",
            f"this machine does not know the time zone {zone!r}",
            f"cette machine ne connaît pas le fuseau horaire « {zone} »",
        )
    if found.network is not None:
        try:
            check_network(found.network)
        except InvalidRequestError as error:
            raise _wrong(f"network.{error.param}", str(error), error.french) from error
    if found.trust is not None:
        _check_authority(found.trust.ca)
    if found.bench is not None and found.bench.seal and found.unit is None:
        raise _wrong(
            "bench.seal",
            "a unit without [unit] has no code on a label; make the file with the kit",
            "un boîtier sans [unit] n’a pas de code sur une étiquette ; faites le "
            "fichier avec le kit",
        )


def _check_authority(pem: str) -> None:
    try:
        certificates = x509.load_pem_x509_certificates(pem.encode())
        are_right = all(_is_authority(each) for each in certificates)
    except ValueError:
        are_right = False
    if not are_right:
        raise _wrong(
            "trust.ca",
            "this is not the certificate of an authority in PEM",
            "ce n’est pas le certificat d’une autorité, en PEM",
        )


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


# What msgspec says, and how it is said here.
_WORDS = (
    (r"Object contains unknown field `(.*)`", "there is no key {!r}", "la clé « {} » n’existe pas"),
    (r"Object missing required field `(.*)`", "the key {!r} is missing", "la clé « {} » manque"),
    (r"Invalid enum value (.*)", "{} is none of its values", "{} n’est pas une de ses valeurs"),
    (r"Expected `(.*)`, got .*", "this must be: {}", "il faut ici : {}"),
)


def _in_words(said: str) -> tuple[str, str]:
    for pattern, english, french in _WORDS:
        if match := re.fullmatch(pattern, said):
            return english.format(match[1]), french.format(match[1])
    return said, "cette valeur n’est pas permise"


def _wrong(key: str, english: str, french: str) -> ConfigError:
    where = f"{key}: " if key else ""
    where_fr = f"{key} : " if key else ""
    return ConfigError(
        f"atre-provision.toml: {where}{english.rstrip('.')}.",
        f"atre-provision.toml : {where_fr}{french.rstrip('.')}.",
    )
