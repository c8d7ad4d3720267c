# SPDX-License-Identifier: Apache-2.0
"""Log probabilities in the two shapes that OpenAI gave them."""

from collections.abc import Sequence

from atre.ipc.messages import TokenLogprob

Json = dict[str, object]


def chat_logprobs(tokens: Sequence[TokenLogprob]) -> Json:
    """For chat: an object a token, with its bytes."""
    return {
        "content": [
            {
                **_entry(token.piece, token.logprob),
                "top_logprobs": [_entry(piece, logprob) for piece, logprob in token.top],
            }
            for token in tokens
        ],
        "refusal": None,
    }


def completion_logprobs(tokens: Sequence[TokenLogprob], *, offset: int) -> Json:
    """For text completions: parallel lists; ``offset`` is where the first token's text begins."""
    offsets = []
    for token in tokens:
        offsets.append(offset)
        offset += len(_text(token.piece))
    return {
        "tokens": [_text(token.piece) for token in tokens],
        "token_logprobs": [token.logprob for token in tokens],
        "top_logprobs": [
            {_text(piece): logprob for piece, logprob in token.top} for token in tokens
        ],
        "text_offset": offsets,
    }


def _entry(piece: bytes, logprob: float) -> Json:
    return {"token": _text(piece), "logprob": logprob, "bytes": list(piece)}


def _text(piece: bytes) -> str:
    """A token alone may be part of a character; OpenAI shows such bytes escaped."""
    return piece.decode("utf-8", "backslashreplace")
