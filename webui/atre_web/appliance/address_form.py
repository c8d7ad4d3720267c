# SPDX-License-Identifier: Apache-2.0
"""The form of the box's address: what a browser sent as ``NetworkSettings``, and back."""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from atre.ipc.appliance_messages import AddressMethod, NetworkSettings

_MOST_SERVERS = 3


class FormError(Exception):
    """A field holds what it cannot; ``param`` is the field."""

    def __init__(self, param: str) -> None:
        super().__init__(param)
        self.param = param


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """The fields as they are shown again."""

    method: str
    interface: str
    address: str
    mask: str
    gateway: str
    dns: str


def typed(field: Callable[[str], str]) -> Typed:
    """What was typed, cut where no such thing is that long."""
    names = ("method", "interface", "address", "mask", "gateway", "dns")
    return Typed(**{name: field(name).strip()[:200] for name in names})


def kept(settings: NetworkSettings) -> Typed:
    """The settings that count, as fields."""
    address, _, prefix = settings.address.partition("/")
    return Typed(
        method=settings.method,
        interface=settings.interface,
        address=address,
        mask=prefix,
        gateway=settings.gateway,
        dns=" ".join(settings.dns),
    )


def read(form: Typed) -> NetworkSettings:
    """The settings. Raises FormError. Whether they make sense together is for ``check``."""
    if form.method not in set(AddressMethod):
        raise FormError("method")
    if form.method == AddressMethod.DHCP:
        return _checked({"method": form.method})
    return _checked(
        {
            "method": form.method,
            "interface": form.interface,
            "address": _with_prefix(form.address, form.mask),
            "gateway": _address("gateway", form.gateway),
            "dns": _servers(form.dns),
        }
    )


def _with_prefix(address: str, mask: str) -> str:
    """``192.168.1.50`` and ``255.255.255.0`` or ``24``; an address may hold its own prefix."""
    text = address if "/" in address else f"{address}/{mask.removeprefix('/')}"
    try:
        return ipaddress.ip_interface(text).with_prefixlen
    except ValueError:
        pass
    try:
        ipaddress.ip_address(address.partition("/")[0])
    except ValueError:
        raise FormError("address") from None
    raise FormError("mask")


def _address(param: str, text: str) -> str:
    if not text:
        return ""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise FormError(param) from None


def _servers(text: str) -> list[str]:
    servers = [_address("dns", each) for each in text.replace(",", " ").split()]
    if len(servers) > _MOST_SERVERS:
        raise FormError("dns")
    return servers


def _checked(values: dict[str, object]) -> NetworkSettings:
    try:
        return msgspec.convert(values, NetworkSettings)
    except msgspec.ValidationError as error:
        raise FormError(str(error).rpartition("$.")[2].rstrip("`").partition("[")[0]) from error
