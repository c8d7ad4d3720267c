# SPDX-License-Identifier: Apache-2.0
"""What the model is sent of a branch; pure. Nothing is left out for length: the engine refuses."""

from collections.abc import Sequence

from atre_web.chat.attachment import with_files
from atre_web.chat.message import Message


def turns(branch: Sequence[Message]) -> list[tuple[str, str]]:
    """(role, text) of every message that has words, without what the model thought.

    Questions that nothing was answered to become one: many chat templates refuse two in a row.
    """
    found: list[tuple[str, str]] = []
    for message in branch:
        text = with_files(message.text, message.attachments)
        if not text:
            continue
        if found and found[-1][0] == message.role:
            text = f"{found.pop()[1]}\n\n{text}"
        found.append((message.role, text))
    return found
