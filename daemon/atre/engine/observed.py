# SPDX-License-Identifier: Apache-2.0
"""The speed that the engine's own counters show, in place of the one that was expected."""

from collections.abc import Sequence

from msgspec.structs import replace

from atre.ipc.messages import Turn
from atre.speed_figure import MIN_ANSWERED_TOKENS, SpeedBasis, SpeedFigure


def observed(expected: SpeedFigure, turns: Sequence[Turn]) -> SpeedFigure:
    """What answers that ran alone reached since the model was loaded, once they were enough.

    A step that writes the next token of one answer counts as one token, although a step that
    guessed right writes more.
    """
    alone = next((turn for turn in turns if turn.num_streams == 1), None)
    if alone is None or alone.count < MIN_ANSWERED_TOKENS or alone.total_s <= 0:
        return expected
    tokens_s = alone.count / alone.total_s
    return replace(
        expected,
        low_tokens_s=tokens_s,
        high_tokens_s=tokens_s,
        basis=SpeedBasis.MEASURED,
        why=f"Measured with {alone.count} tokens of real answers since the model was loaded.",
        why_fr=f"Mesuré sur {alone.count} jetons de vraies réponses depuis le chargement du "
        "modèle.",
    )
