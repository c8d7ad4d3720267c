# SPDX-License-Identifier: Apache-2.0
"""Which share of the memory's theoretical bandwidth decoding reached, on machines we read of.

Each share is published tokens/s × bytes read per token ÷ theoretical GB/s, all models at about four
bits a weight. Sources: github.com/geerlingguy/ai-benchmarks (G), llmfit's community results (L),
and those that hardware-profiles/*.toml name. The sizes are those of the GGUF files.
"""

from typing import Literal

import msgspec

Kind = Literal["processor", "integrated", "card"]


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """The least and the most, as fractions of 1, and where they were seen."""

    low: float
    high: float
    seen: str


# What software reads at most of what the modules carry: 212 of 256 GB/s on Strix Halo.
READABLE = 212 / 256

_DENSE: dict[Kind, Share] = {
    "processor": Share(low=0.25, high=0.75, seen="CIX P1 3B (G) … Intel N150 14B (G)"),
    "integrated": Share(low=0.15, high=0.9, seen="Core Ultra 258V Vulkan … M4 Pro 24B (L)"),
    "card": Share(low=0.45, high=0.85, seen="RTX 5070 OLMo-2-13B (L) … RTX 5070 Qwen3-8B (L)"),
}
# Experts are read in pieces: published figures stay further below what the memory carries.
_MIXTURE: dict[Kind, Share] = {
    "processor": Share(low=0.14, high=0.6, seen="Ryzen AI 7 350 gpt-oss-20b (L) … dense models"),
    "integrated": Share(low=0.15, high=0.7, seen="dense models … GB10 gpt-oss-20b (G)"),
    "card": Share(low=0.18, high=0.7, seen="RTX 5070 gpt-oss-20b (L) … GB10 gpt-oss-20b (G)"),
}


def share_of(kind: Kind, *, is_mixture: bool) -> Share:
    """The range for such a device and a model that is a mixture of experts, or is not."""
    return (_MIXTURE if is_mixture else _DENSE)[kind]
