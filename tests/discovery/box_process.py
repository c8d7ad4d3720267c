# SPDX-License-Identifier: Apache-2.0
"""A box that only advertises: prints its status as a JSON line at each change, until SIGTERM.

SIGUSR1 plays the claim. A box that waits for an owner finds the mark in its state directory.
"""

import dataclasses
import json
import signal
import sys
import threading
from pathlib import Path

from atre.choices import owner_mark
from atre.discovery.advertiser import Advertiser


def main() -> None:
    state_dir, port = Path(sys.argv[1]), int(sys.argv[2])
    instance = sys.argv[3] if len(sys.argv) > 3 else None
    waits_for_owner = owner_mark.waits_for_owner(state_dir)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGUSR1, lambda *_: advertiser.end_setup())

    def tell() -> None:
        fields = dataclasses.asdict(advertiser.status)
        sys.stdout.write(f"{json.dumps(fields)}\n")
        sys.stdout.flush()

    advertiser = Advertiser(
        state_dir,
        https_port=port,
        instance=instance,
        waits_for_owner=waits_for_owner,
        on_change=tell,
    )
    advertiser.start()
    stop.wait()
    advertiser.close()


if __name__ == "__main__":
    main()
