# SPDX-License-Identifier: Apache-2.0
"""What the box says about itself on the LAN. Pure: no socket, no clock.

``_http._tcp`` is listed only when a plain landing port is given: the image has one, a developer's
machine has none, because nothing but TLS leaves loopback there.
"""

import re
import unicodedata

import msgspec

from atre.errors import ConfigError

PRODUCT = "atre"
GATEWAY_TYPE = "_ai-gateway._tcp"
CHAT_SUBTYPE = "_chat-completions"
SETUP_TYPE = "_atre-setup._tcp"

_MAX_LABEL_BYTES = 63  # RFC 1035 §2.3.4; RFC 6763 §4.1.1 for instance names
_MAX_SERVICE_NAME = 15  # RFC 6335 §5.1, without the underscore
# draft-su-ai-gateway-discovery-00 asks for less than 200 bytes, so that one packet carries it all.
MAX_TXT_BYTES = 200
_MAX_TXT_ENTRY_BYTES = 255  # one length byte, RFC 6763 §6.1

_SERVICE_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_HOST_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_BOX_ID = re.compile(r"[0-9a-f]{8}")
# Control (Cc), format (Cf: the bidirectional marks are there), surrogate, private, unassigned.
_UNSHOWABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """One DNS-SD service instance; ``txt`` keeps its order (``txtvers`` first, RFC 6763 §6.7)."""

    type: str
    instance: str
    port: int
    txt: tuple[tuple[str, str], ...]
    subtypes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_type(self.type)
        if checked_instance(self.instance) != self.instance:
            raise ConfigError(f"The name {self.instance!r} is not in Unicode NFC form.")
        if not 1 <= self.port <= 65535:  # noqa: PLR2004
            raise ConfigError(f"A port must be between 1 and 65535, not {self.port}.")
        if len(encode_txt(self.txt)) > MAX_TXT_BYTES:
            raise ConfigError(f"The TXT record of {self.type} exceeds {MAX_TXT_BYTES} bytes.")


class Box(msgspec.Struct, frozen=True, kw_only=True):
    """The facts a box advertises: its shown name, its id (8 hex digits) and its listeners.

    ``waits_for_owner`` adds the service by which a program finds a box that is to be set up.
    """

    instance: str
    box_id: str
    https_port: int
    http_port: int | None = None
    waits_for_owner: bool = False

    def __post_init__(self) -> None:
        if not _BOX_ID.fullmatch(self.box_id):
            raise ConfigError(f"A box id is 8 lower-case hex digits, not {self.box_id[:40]!r}.")


def services(box: Box) -> tuple[Service, ...]:
    """Everything the box announces. Never in TXT: a key, a user, a model list, an exact version."""
    landing = (("txtvers", "1"), ("path", "/"))
    gateway = (
        ("txtvers", "1"),
        ("path", "/"),
        ("tls", "1"),
        ("auth", "1"),
        ("protocols", "chat-completions"),
        ("auth_type", "bearer"),
        ("product", PRODUCT),
        ("id", box.box_id),
        ("role", "standalone"),
    )
    listed = [
        Service(type="_https._tcp", instance=box.instance, port=box.https_port, txt=landing),
        Service(
            type=GATEWAY_TYPE,
            instance=box.instance,
            port=box.https_port,
            txt=gateway,
            subtypes=(CHAT_SUBTYPE,),
        ),
    ]
    if box.http_port is not None:
        listed.insert(
            0, Service(type="_http._tcp", instance=box.instance, port=box.http_port, txt=landing)
        )
    if box.waits_for_owner:
        claim = (("txtvers", "1"), ("path", "/claim"), ("id", box.box_id))
        listed.append(
            Service(type=SETUP_TYPE, instance=box.instance, port=box.https_port, txt=claim)
        )
    return tuple(listed)


def encode_txt(txt: tuple[tuple[str, str], ...]) -> bytes:
    """The record as on the wire: length-prefixed ``key=value`` strings, in order (RFC 6763 §6)."""
    encoded = bytearray()
    for entry in txt_entries(txt):
        encoded += bytes((len(entry),)) + entry
    return bytes(encoded)


def txt_entries(txt: tuple[tuple[str, str], ...]) -> list[bytes]:
    """Each ``key=value`` as bytes. Raises ConfigError on a key or entry the RFC forbids."""
    entries = []
    for key, value in txt:
        if not key or "=" in key or not key.isascii() or not key.isprintable():
            raise ConfigError(f"{key!r} is not a TXT key: use printable ASCII without '='.")
        entry = f"{key}={value}".encode()
        if len(entry) > _MAX_TXT_ENTRY_BYTES:
            raise ConfigError(f"The TXT entry {key!r} exceeds {_MAX_TXT_ENTRY_BYTES} bytes.")
        entries.append(entry)
    return entries


def check_type(service_type: str) -> None:
    """Raise ConfigError unless ``service_type`` is ``_name._tcp`` with a name RFC 6335 allows."""
    name, dot, protocol = service_type.partition(".")
    valid = (
        dot
        and protocol == "_tcp"
        and name.startswith("_")
        and len(name) - 1 <= _MAX_SERVICE_NAME
        and _SERVICE_NAME.fullmatch(name[1:])
        and re.search("[a-z]", name)
    )
    if not valid:
        raise ConfigError(
            f"{service_type!r} is not a service type: use _name._tcp, where name has at most "
            f"{_MAX_SERVICE_NAME} letters, digits and single hyphens."
        )


def checked_instance(name: str) -> str:
    """The shown name in NFC. Raises ConfigError if empty, over 63 bytes or with hidden characters.

    Source: RFC 6763 §4.1.1; hidden characters could disguise one box as another in a list.
    """
    name = unicodedata.normalize("NFC", name).strip()
    if not name:
        raise ConfigError("The box's name is empty; give it at least one visible character.")
    if shown(name) != name:
        raise ConfigError(
            f"The box's name {name[:80]!r} has control or text-direction characters; remove them."
        )
    num_bytes = len(name.encode())
    if num_bytes > _MAX_LABEL_BYTES:
        raise ConfigError(
            f"The box's name takes {num_bytes} bytes; shorten it to {_MAX_LABEL_BYTES}."
        )
    return name


def check_host_label(label: str) -> None:
    """Raise ConfigError unless ``label`` is one lower-case host name label of at most 63 bytes.

    A single label only: nss-mdns resolves no ``a.b.local`` by default.
    """
    if len(label) > _MAX_LABEL_BYTES or not _HOST_LABEL.fullmatch(label):
        raise ConfigError(
            f"{label[:80]!r} is not a host name: use lower-case letters, digits and hyphens."
        )


def shown(text: str) -> str:
    """``text`` without control, direction-changing and other invisible characters."""
    return "".join(char for char in text if unicodedata.category(char) not in _UNSHOWABLE)


def next_host_label(label: str) -> str:
    """The name to try after a conflict: ``atre-7f3a`` gives ``atre-7f3a-2``, then ``-3``."""
    found = re.fullmatch(r"(atre-[0-9a-f]{4}|.*?)-(\d{1,4})", label)
    # "atre-1234" ends in its unit number, not in a count.
    if found is None or re.fullmatch(r"atre-[0-9a-f]{4}", label):
        return f"{label[: _MAX_LABEL_BYTES - 2]}-2"
    count = str(int(found[2]) + 1)
    return f"{found[1][: _MAX_LABEL_BYTES - 1 - len(count)]}-{count}"


def next_instance(name: str) -> str:
    """The shown name to try after a conflict: ``Âtre 7F3A (2)``, then ``(3)`` (RFC 6763 App. D)."""
    found = re.fullmatch(r"(.*) \((\d{1,4})\)", name)
    base, count = (found[1], int(found[2]) + 1) if found else (name, 2)
    suffix = f" ({count})"
    room = _MAX_LABEL_BYTES - len(suffix)
    return base.encode()[:room].decode(errors="ignore").rstrip() + suffix
