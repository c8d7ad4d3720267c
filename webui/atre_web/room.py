# SPDX-License-Identifier: Apache-2.0
"""What a full disk does to a request: changes get room from the reserve, or a clear refusal."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

from flask import Flask, request
from werkzeug.wrappers import Response

from atre.errors import AtreError
from atre.space.reserve import give_up_slice
from atre_web.accounts.disk_full import disk_full, has_no_room, is_disk_full
from atre_web.accounts.guard import SAFE_METHODS


def install(app: Flask, data_dir: Path, answer: Callable[[AtreError], Response]) -> None:
    """Let deletes and sign-ins work on a full disk; ``answer`` makes a refusal of an error.

    Call it before the guard is installed, which writes to the database itself.
    """

    def make_room() -> None:
        # Before anything is written: a request cannot be begun again in the middle.
        if request.method not in SAFE_METHODS and has_no_room(data_dir):
            give_up_slice(data_dir)

    def explain(error: sqlite3.OperationalError) -> Response:
        if not is_disk_full(error, data_dir):
            raise error
        return answer(disk_full())

    app.before_request(make_room)
    app.register_error_handler(sqlite3.OperationalError, explain)
