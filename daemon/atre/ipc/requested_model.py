# SPDX-License-Identifier: Apache-2.0
from atre.errors import ModelNotFoundError


def check_model(asked: str | None, model: str) -> None:
    """Raises ModelNotFoundError if a request asks for another model than the box answers with."""
    if asked and asked != model:
        raise ModelNotFoundError(
            f"The model {asked[:200]!r} is not on this box. Use {model!r}, or leave the field out.",
            param="model",
        )
