# SPDX-License-Identifier: Apache-2.0
import os
import socket

# sd_notify(3) leaves names that begin with X_ to applications.
LOADED_FRACTION = "X_ATRE_LOADED"


def notify(*assignments: str) -> None:
    """Tell the service manager, systemd or ``atre serve``, how this process is doing.

    ``assignments`` are such as ``READY=1`` and ``STATUS=loading``; nothing happens without a
    manager. Protocol: sd_notify(3).
    """
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):  # Linux's abstract namespace
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        try:
            manager.sendto("\n".join(assignments).encode(), address)
        except OSError:
            return  # the manager is gone or busy; the process goes on without it
