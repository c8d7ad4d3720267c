# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from atre.ipc.messages import TokenLogprob


def token_logprob(
    logits: NDArray[np.float32], token: int, num_top: int, piece: Callable[[int], bytes]
) -> TokenLogprob:
    """The natural-log probability of ``token`` and of the ``num_top`` likeliest ones.

    ``logits``: the model's own for one row, shape (vocabulary,), before any sampler touched them.
    """
    shifted = logits.astype(np.float64) - logits.max()
    logprobs = shifted - np.log(np.exp(shifted).sum())
    top: NDArray[np.intp] = np.argpartition(-logprobs, min(num_top, len(logprobs) - 1))[:num_top]
    top = top[np.argsort(-logprobs[top])]
    return TokenLogprob(
        piece=piece(token),
        logprob=float(logprobs[token]),
        top=[(piece(int(other)), float(logprobs[other])) for other in top],
    )
