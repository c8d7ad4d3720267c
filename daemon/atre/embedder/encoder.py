# SPDX-License-Identifier: Apache-2.0
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Tokens = NDArray[np.int32]
Row = NDArray[np.float32]  # one vector
Rows = NDArray[np.float32]  # one vector a row

# Attention over a whole input costs memory with the square of its length: at 2048 tokens and 16
# heads 256 MiB where flash attention cannot be used.
MAX_INPUT_TOKENS = 2048


class Encoder(Protocol):
    """The seam to an embedding model: from tokens to one vector for each input."""

    max_input_tokens: int
    max_batch_tokens: int
    max_batch_inputs: int

    def encode(self, inputs: Sequence[Tokens]) -> Rows:
        """One row for each input, in order, of any length; raises DecodeError.

        Several inputs have at most ``max_batch_inputs`` members and ``max_batch_tokens`` tokens in
        all; an input alone may have ``max_input_tokens``.
        """


class Tokenizer(Protocol):
    """The embedding model's vocabulary."""

    num_tokens: int

    def tokenize(self, text: str, *, add_special: bool) -> list[int]:
        """Raises InvalidRequestError for text that is not valid Unicode."""
