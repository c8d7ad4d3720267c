# SPDX-License-Identifier: Apache-2.0
import contextlib
import time

from flask import Flask, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

_MAX_BODY_BYTES = 8 * 1024 * 1024  # a prompt of a million tokens; more is a mistake or an attack
_READ_BYTES = 64 * 1024
_MAX_DISCARDED_BYTES = 64 * 1024 * 1024
_DISCARD_S = 10.0  # a LAN carries that much in less
_SILENCE_S = 1.0  # a client that sends nothing for so long waits for the answer


def install(app: Flask) -> None:
    """Let no route of ``app`` read a longer body."""
    app.config["MAX_CONTENT_LENGTH"] = _MAX_BODY_BYTES


def read_body() -> bytes:
    """The body of the request being served. Raises RequestEntityTooLarge and BadRequest.

    Werkzeug counts a body of announced length; one that comes in chunks it cuts at the limit.
    """
    try:
        data = request.get_data(cache=False)
    except ParseException as error:
        raise BadRequest(f"The chunks of the body are malformed: {error}.") from error
    if request.content_length is None and len(data) >= _MAX_BODY_BYTES:
        raise RequestEntityTooLarge
    return data


def explain(error: RequestEntityTooLarge) -> None:
    """Say in ``error`` what to do, and see to it that the client hears it."""
    error.description = (
        f"The request is longer than the {_MAX_BODY_BYTES // 2**20} MiB allowed. Send less text."
    )
    hear_out()


def hear_out() -> None:
    """Read the rest of a body that is refused, as far as that takes neither long nor much.

    Most clients send everything before they read, and closing a connection on which bytes still
    wait resets it (RFC 9112, 9.6): the answer would be lost.
    """
    connection = request.environ.get("gunicorn.socket")
    if connection is None:
        return
    earlier_s = connection.gettimeout()
    connection.settimeout(_SILENCE_S)
    with contextlib.suppress(OSError, ParseException):
        _discard()
    connection.settimeout(earlier_s)


def _discard() -> None:
    stream = request.environ["wsgi.input"]
    deadline_s = time.monotonic() + _DISCARD_S
    for _ in range(0, _MAX_DISCARDED_BYTES, _READ_BYTES):
        if not stream.read(_READ_BYTES) or time.monotonic() > deadline_s:
            break
