# SPDX-License-Identifier: Apache-2.0
"""The channel: a list of releases with an Ed25519 signature beside it, ``NAME.json.sig``.

The list only says what there is: what is installed must be signed by the release authority, which
RAUC checks. Who stole the channel's key could hide releases, and offer nothing else.
"""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from atre.errors import UpdateError, UpdateProblem
from atre.updates.release_rule import NBSP, Candidate
from atre.updates.version import version_key

# Of the image; a machine without them has no channel, and asks nobody.
CHANNEL_FILE = Path("/etc/atre/channel.json")
KEY_FILE = Path("/etc/atre/channel.pub")


class Channel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which channel a box follows; ``address`` is its list's, "" for updates from sticks only."""

    name: str
    address: str = ""

    @property
    def host(self) -> str:
        return urlsplit(self.address).hostname or ""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A release of the list; ``bundle`` is its address, seen from the list's own."""

    release: Candidate
    bundle: str
    size_bytes: int
    sha256: str


class _List(msgspec.Struct, frozen=True):
    channel: str
    releases: list[Entry]


@dataclass(frozen=True, slots=True)
class Listing:
    """The releases of a channel, the signature checked."""

    entries: tuple[Entry, ...]

    def entry(self, release: Candidate) -> Entry:
        return next(each for each in self.entries if each.release == release)


def read_channel(file: Path = CHANNEL_FILE) -> Channel:
    """The channel of this box; one without a name or an address if the file is not there."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Channel)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return Channel("")


def read_listing(text: bytes, signature: bytes, key_file: Path, channel: Channel) -> Listing:
    """The releases. Raises UpdateError if nobody vouches for them, or they are another channel's.

    Addresses are made whole, and only those of the web are taken.
    """
    try:
        _public_key(key_file).verify(signature, text)
        found = msgspec.json.decode(text, type=_List)
        for each in found.releases:
            version_key(each.release.version)
    except (InvalidSignature, msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise UpdateError(
            f"What {channel.host or 'the channel'} answered is not signed by the maker of this "
            "box. Nothing was fetched; try again later, or update from a stick.",
            f"La réponse de {channel.host or 'ce canal'} n’est pas signée par le fabricant de ce "
            f"boîtier{NBSP}: rien n’a été téléchargé. Réessayez plus tard, ou passez par une clé "
            "USB.",
            problem=UpdateProblem.SIGNATURE,
        ) from error
    if found.channel != channel.name:
        raise UpdateError(
            f"The list is of the channel “{found.channel}”, but this box follows “{channel.name}”.",
            f"La liste est celle du canal «{NBSP}{found.channel}{NBSP}», mais ce boîtier suit "
            f"«{NBSP}{channel.name}{NBSP}».",
            problem=UpdateProblem.CHANNEL,
        )
    whole = [
        msgspec.structs.replace(each, bundle=urljoin(channel.address, each.bundle))
        for each in found.releases
    ]
    return Listing(tuple(each for each in whole if is_web_address(each.bundle)))


def is_web_address(address: str) -> bool:
    """Whether it is of HTTP, with a host."""
    parts = urlsplit(address)
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _public_key(file: Path) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(file.read_bytes())
    except (OSError, UnsupportedAlgorithm) as error:
        raise ValueError(f"{file} cannot be read") from error
    match key:
        case Ed25519PublicKey():
            return key
        case _:
            raise ValueError(f"{file} is no Ed25519 key")


def fetch_address(channel: Channel) -> str:
    """Where the list is. Raises UpdateError if this box follows no channel."""
    if not is_web_address(channel.address):
        raise UpdateError(
            "This box asks nobody for updates. Install one from a stick or a file.",
            f"Ce boîtier ne demande de mises à jour à personne{NBSP}: installez-en une depuis une "
            "clé USB ou un fichier.",
            problem=UpdateProblem.NOT_ALLOWED,
        )
    return channel.address
