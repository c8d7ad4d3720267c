# SPDX-License-Identifier: Apache-2.0
"""The panel alone, without the processes that a box runs beside it: nothing is ready there.

Stand-ins for some of them may be given: what a page shows of them is then what they say.
"""

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from werkzeug.serving import make_server

from atre.config import Config
from atre_web import create_app
from atre_web.accounts.door import open_door


@contextmanager
def lone_panel(
    folder: Path, stand_ins: Mapping[str, object] | None = None
) -> Iterator[tuple[str, Path]]:
    """Serve a new box's panel on loopback; its URL and its database."""
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    config = Config(data_dir=folder, runtime_dir=folder / "run", profiles_dir=folder)
    open_door(config, run_key=False)
    app = create_app(config)
    app.extensions |= stand_ins or {}
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}/", config.database
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
