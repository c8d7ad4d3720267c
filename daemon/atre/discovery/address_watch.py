# SPDX-License-Identifier: Apache-2.0
import asyncio
import contextlib
import errno
import socket
import sys
from collections.abc import Callable

# include/uapi/linux/rtnetlink.h: RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR
_GROUPS = 0x1 | 0x10 | 0x100
_POLL_S = 5.0  # elsewhere than on Linux, and where netlink is refused
# One cable plugged in makes a burst of messages (link, address, IPv6 checks).
_SETTLE_S = 0.3
_READ_BYTES = 65536


async def watch_addresses(notify: Callable[[], None]) -> None:
    """Call ``notify`` whenever an interface or address may have changed, until cancelled.

    Linux tells by netlink (rtnetlink(7)); elsewhere the call comes every five seconds. It may come
    without a change: the receiver compares.
    """
    channel = _open_netlink()
    if channel is not None:
        with channel, contextlib.suppress(OSError):
            await _watch_netlink(channel, notify)
    while True:
        await asyncio.sleep(_POLL_S)
        notify()


async def _watch_netlink(channel: socket.socket, notify: Callable[[], None]) -> None:
    while True:
        await _read(channel)
        await asyncio.sleep(_SETTLE_S)
        _drain(channel)
        notify()


def _open_netlink() -> socket.socket | None:
    if sys.platform != "linux":
        return None
    channel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    try:
        channel.setblocking(False)
        channel.bind((0, _GROUPS))
    except OSError:
        channel.close()
        return None
    return channel


async def _read(channel: socket.socket) -> None:
    try:
        await asyncio.get_running_loop().sock_recv(channel, _READ_BYTES)
    except OSError as error:
        if error.errno != errno.ENOBUFS:  # messages were lost, which is a change too
            raise


def _drain(channel: socket.socket) -> None:
    while True:
        try:
            channel.recv(_READ_BYTES)
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                return
