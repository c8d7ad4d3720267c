# SPDX-License-Identifier: Apache-2.0
"""What an instance of ``atre-engine@.service`` runs: the process that the box asks for."""

import os
import runpy
import socket
import sys

import msgspec

from atre.box.own_unit import Order

_ORDER_BYTES = 65536
# The unit's rights were weighed for these, which serve models, and for nothing else.
_MODULES = ("atre.engine.process", "atre.embedder.process")


def main() -> None:
    """Take the order from standard input, which stays open as the lifeline, and become it."""
    with socket.socket(fileno=os.dup(sys.stdin.fileno())) as box:
        data, descriptors, _, _ = socket.recv_fds(box, _ORDER_BYTES, 1)
        order = msgspec.json.decode(data, type=Order)
        _, option, module, *arguments = order.argv
        if option != "-m" or module not in _MODULES or len(descriptors) != 1:
            sys.exit(f"This unit does not run {order.argv!r}.")
        os.dup2(descriptors[0], sys.stderr.fileno())
        os.close(descriptors[0])
        box.send(str(os.getpid()).encode())
    os.environ.update(order.environment)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
