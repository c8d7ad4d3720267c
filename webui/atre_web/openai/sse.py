# SPDX-License-Identifier: Apache-2.0
"""Server-sent events as OpenAI's clients read them (WHATWG HTML, 9.2)."""

import msgspec

DONE = b"data: [DONE]\n\n"
COMMENT = b": still working\n\n"  # clients skip comments; proxies see a live connection

_encoder = msgspec.json.Encoder()


def data(payload: object) -> bytes:
    """One event with ``payload`` as JSON."""
    return b"data: " + _encoder.encode(payload) + b"\n\n"
