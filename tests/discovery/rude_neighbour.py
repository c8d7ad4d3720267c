# SPDX-License-Identifier: Apache-2.0
"""A machine that uses a host name without asking: ``rude_neighbour.py HOST ADDRESS``.

python-zeroconf by itself does just that: it announces host records without probing for them.
"""

import signal
import sys

from zeroconf import ServiceInfo, Zeroconf


def main() -> None:
    host, address = sys.argv[1:]
    info = ServiceInfo(
        "_printer._tcp.local.",
        f"Rude {address}._printer._tcp.local.",
        port=515,
        server=f"{host}.",
        parsed_addresses=[address],
    )
    with Zeroconf(interfaces=[address]) as zeroconf:
        zeroconf.register_service(info)
        sys.stdout.write("announced\n")
        sys.stdout.flush()
        signal.sigwait({signal.SIGTERM})


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    main()
