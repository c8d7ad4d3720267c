# SPDX-License-Identifier: Apache-2.0
"""An answer as server-sent events, from whatever is there, for as long as it is written."""

import select
import time
from collections.abc import Iterator
from contextlib import closing

from atre_web.accounts.database import connect
from atre_web.chat import messages
from atre_web.chat.desk import Desk
from atre_web.chat.live import Live, so_far_chunk
from atre_web.openai import sse

# A tab that was closed is noticed only when something is sent to it.
_HEARTBEAT_S = 2.0
# An answer that another process writes is read from the database, where it is a second old.
_LOOK_S = 0.5


def events(desk: Desk, answer_id: int, *, closing_fd: int | None) -> Iterator[bytes]:
    """Everything so far, what follows, and [DONE] when the conversation is to be read again.

    Ends without [DONE] when this process is about to end: whoever watches comes back.
    """
    live = desk.find(answer_id)
    watched = _here(live) if live is not None else _elsewhere(desk, answer_id)
    for chunk in watched:
        if closing_fd is not None and select.select([closing_fd], [], [], 0)[0]:
            return
        yield chunk
    yield sse.DONE


def _here(live: Live) -> Iterator[bytes]:
    chunk, number = live.so_far()
    yield sse.data(chunk)
    while True:
        chunks, has_ended = live.after(number, timeout_s=_HEARTBEAT_S)
        number += len(chunks)
        yield b"".join(map(sse.data, chunks)) or sse.COMMENT
        if has_ended:
            return


def _elsewhere(desk: Desk, answer_id: int) -> Iterator[bytes]:
    text, reasoning, sent_s = "", "", 0.0
    with closing(connect(desk.database)) as connection:
        while True:
            desk.tidy(connection, answer_id)
            found = messages.read(connection, [answer_id])
            if not found or found[0].state != "running":
                return
            now, answer = time.monotonic(), found[0]
            new = answer.text[len(text) :], answer.reasoning[len(reasoning) :]
            if any(new) or sent_s == 0.0 or answer.waiting:
                yield sse.data(so_far_chunk(*new, answer.waiting))
                sent_s = now
            elif now - sent_s >= _HEARTBEAT_S:
                yield sse.COMMENT
                sent_s = now
            text, reasoning = answer.text, answer.reasoning
            time.sleep(_LOOK_S)
