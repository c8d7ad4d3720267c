# SPDX-License-Identifier: Apache-2.0
import os
import signal
import sys
import threading


def end_with_parent() -> None:
    """Terminate this process when its parent ends, however that happens.

    The parent keeps the other end of our standard input open; the kernel closes it with the
    parent, even after SIGKILL. For children of ``atre serve``; under systemd nobody calls this.
    """
    threading.Thread(target=_wait_for_end, name="lifeline", daemon=True).start()


def _wait_for_end() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
