# SPDX-License-Identifier: Apache-2.0
import ipaddress
from urllib.parse import urlsplit

from atre.ipc.appliance_messages import AddressMethod, NetworkSettings
from atre.ipc.messages import BoxDescription, DiscoveryState

_HTTPS_PORT = 443


def new_urls(
    settings: NetworkSettings, link: str, box: BoxDescription | None, here: str
) -> list[str]:
    """Where a change is confirmed, the surest first: the new address, then the box's name.

    ``here`` is the URL of the page that asks: where the box does not say on which port the network
    reaches it, that is the same as before.
    """
    return [f"{_base(host, box, here)}/network/address/{link}" for host in _hosts(settings, box)]


def _hosts(settings: NetworkSettings, box: BoxDescription | None) -> list[str]:
    hosts = []
    if settings.method is AddressMethod.STATIC:
        address = ipaddress.ip_interface(settings.address).ip
        hosts.append(f"[{address}]" if address.version == 6 else str(address))  # noqa: PLR2004
    if box and box.mdns_name and box.discovery is not DiscoveryState.OFF:
        hosts.append(box.mdns_name.rstrip("."))
    return hosts


def _base(host: str, box: BoxDescription | None, here: str) -> str:
    if box and box.lan_port:
        port = "" if box.lan_port == _HTTPS_PORT else f":{box.lan_port}"
        return f"https://{host}{port}"
    parts = urlsplit(here)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{host}{port}"
