# SPDX-License-Identifier: Apache-2.0
"""The panel's addresses on the LAN, and the QR code of the best one."""

import ipaddress

import segno

from atre.ipc.messages import BoxDescription, DiscoveryState

_HTTPS_PORT = 443


def panel_urls(box: BoxDescription) -> list[str]:
    """Every URL under which the LAN reaches the panel, the one to prefer first."""
    if box.lan_port is None:
        return []
    hosts = [_bracketed(address) for address in box.addresses]
    if box.mdns_name and box.discovery is DiscoveryState.ANNOUNCED:
        hosts.insert(0, box.mdns_name.rstrip("."))
    port = "" if box.lan_port == _HTTPS_PORT else f":{box.lan_port}"
    return [f"https://{host}{port}/" for host in hosts]


def qr_svg(url: str) -> str:
    """The QR code of ``url`` as an inline <svg> that scales with its box."""
    code = segno.make(url, error="m", micro=False)
    return code.svg_inline(omitsize=True, border=2, dark="#000", light="#fff", svgclass="qr")


def _bracketed(address: str) -> str:
    try:
        is_ipv6 = ipaddress.ip_address(address.partition("%")[0]).version == 6  # noqa: PLR2004
    except ValueError:
        return address
    return f"[{address}]" if is_ipv6 else address
