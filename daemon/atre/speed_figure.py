# SPDX-License-Identifier: Apache-2.0
"""How fast a model writes on this machine, and how that is known."""

from enum import StrEnum

import msgspec

_UNKNOWN = "—"
# Fewer tokens of real answers than a long paragraph: chance decides.
MIN_ANSWERED_TOKENS = 200


class SpeedBasis(StrEnum):
    """MEASURED with this model here, CALIBRATED by other models here, ESTIMATED, or UNKNOWN."""

    MEASURED = "measured"
    CALIBRATED = "calibrated"
    ESTIMATED = "estimated"
    UNKNOWN = "unknown"


_BASIS_WORDS = {
    SpeedBasis.MEASURED: ("measured here", "mesuré ici"),
    SpeedBasis.CALIBRATED: ("calibrated here", "étalonné ici"),
    SpeedBasis.ESTIMATED: ("estimated", "estimé"),
}


class SpeedFigure(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens a second that one person sees, alone on the box; None is unknown.

    Both ends are the same once measured. ``prompt_tokens_s``, the speed of reading, is never
    estimated. ``why`` says from what each number comes, in one sentence or two.
    """

    low_tokens_s: float | None = None
    high_tokens_s: float | None = None
    prompt_tokens_s: float | None = None
    basis: SpeedBasis = SpeedBasis.UNKNOWN
    why: str = ""
    why_fr: str = ""

    def words(self, *, french: bool = False) -> str:
        """Like "8–15 tokens/s (estimated)"; — if unknown."""
        if self.low_tokens_s is None or self.high_tokens_s is None:
            return _UNKNOWN
        low, high = _number(self.low_tokens_s), _number(self.high_tokens_s)
        span = low if low == high else f"{low}–{high}"
        basis = _BASIS_WORDS[self.basis][french]
        if french:
            return f"{span.replace('.', ',')} jetons/s ({basis})"
        return f"{span} tokens/s ({basis})"


def _number(tokens_s: float) -> str:
    return f"{tokens_s:.0f}" if tokens_s >= 10 else f"{tokens_s:.1f}"  # noqa: PLR2004
