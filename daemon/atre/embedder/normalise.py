# SPDX-License-Identifier: Apache-2.0
import numpy as np

from atre.embedder.encoder import Row
from atre.errors import EngineError


def normalise(vector: Row, dimensions: int | None) -> Row:
    """The first ``dimensions`` of a vector, or all of them, scaled to unit length.

    Raises EngineError for a vector without a direction: zero, infinite or not a number.
    """
    kept = vector[:dimensions].astype(np.float64)
    length = float(np.linalg.norm(kept))
    if not np.isfinite(length) or length == 0.0:
        raise EngineError("The embedding model computed no direction for an input.")
    return (kept / length).astype(np.float32)
