# SPDX-License-Identifier: Apache-2.0
from dataclasses import dataclass
from typing import Protocol

from atre.engine.kv_cache import Operation
from atre.engine.sequence import Chunk, Sequence
from atre.ipc.messages import TokenLogprob


@dataclass(slots=True, frozen=True)
class Sampled:
    """The model's next token for a sequence; ``logprob`` where the request asked for it."""

    token: int
    logprob: TokenLogprob | None = None


class ModelRunner(Protocol):
    """What the engine needs from a model: compute batches, forget slots.

    ``model_s`` counts the seconds that went into computing and sampling.
    """

    model_s: float

    def run(self, batch: list[Chunk]) -> dict[int, list[Sampled]]:
        """Compute the chunks; return the next tokens of each whose ``is_last``, by sequence id.

        That is one token, and one more for each token of the draft that was guessed right. What
        was computed of wrong guesses is forgotten again.

        Raises DecodeError and leaves every slot as it was before the call.
        """

    def apply(self, operation: Operation) -> None:
        """Let slots share cells, or forget what one holds, as ``KVCache`` decided."""

    def forget(self, sequence: Sequence) -> None:
        """Drop what is kept for a sequence beyond its slot: its sampler's state."""


class Vocabulary(Protocol):
    """Text to tokens and back. Safe to use while the model runs in another thread."""

    num_tokens: int

    def tokenize(self, text: str, *, add_special: bool) -> list[int]:
        """Tokens of ``text``; special tokens written out in it are recognised."""

    def piece(self, token: int) -> bytes:
        """The token's bytes, which need not be whole UTF-8 characters; none for control tokens."""

    def is_end(self, token: int) -> bool:
        """Whether the token ends an answer."""
