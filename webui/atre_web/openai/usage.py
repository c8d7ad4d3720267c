# SPDX-License-Identifier: Apache-2.0
from collections.abc import Collection

from atre.ipc.energy_messages import RequestEnergy
from atre.ipc.messages import Finished

Usage = dict[str, object]

_UNKNOWN = RequestEnergy()


def usage(
    ends: Collection[Finished], energy: RequestEnergy = _UNKNOWN, *, num_prompts: int = 1
) -> Usage:
    """OpenAI's usage object. Choices of one prompt share its tokens, which count once.

    ``energy`` is an extension, left out where it is not known.
    """
    per_prompt = max(1, len(ends) // num_prompts)
    firsts = list(ends)[::per_prompt]
    prompt_tokens = sum(end.prompt_tokens for end in firsts)
    completion_tokens = sum(end.completion_tokens for end in ends)
    known = energy_object(energy)
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
        "prompt_tokens_details": {"cached_tokens": sum(end.cached_tokens for end in firsts)},
        **({"energy": known} if known else {}),
    }


def energy_object(energy: RequestEnergy) -> Usage | None:
    """What answers took, None where it is not known: that is never 0."""
    if energy.j is None:
        return None
    idle_j, uncertainty = energy.j_idle_share, energy.uncertainty
    return {
        "j": round(energy.j, 3),
        "j_idle_share": None if idle_j is None else round(idle_j, 3),
        "basis": energy.basis,
        "source": energy.source,
        "uncertainty": None if uncertainty is None else round(uncertainty, 3),
    }
