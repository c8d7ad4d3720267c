# SPDX-License-Identifier: Apache-2.0
import ipaddress
import re

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_HOST_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")


def is_host_name(text: str) -> bool:
    """Whether ``text`` is a host name in small letters (RFC 1123 §2.1), and no address."""
    if not _HOST_NAME.fullmatch(text):
        return False
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return True
    return False
