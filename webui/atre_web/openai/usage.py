# SPDX-License-Identifier: Apache-2.0
from collections.abc import Collection

from atre.ipc.messages import Finished

Usage = dict[str, object]


def usage(ends: Collection[Finished], *, num_prompts: int = 1) -> Usage:
    """OpenAI's usage object. Choices of one prompt share its tokens, which count once."""
    per_prompt = max(1, len(ends) // num_prompts)
    firsts = list(ends)[::per_prompt]
    prompt_tokens = sum(end.prompt_tokens for end in firsts)
    completion_tokens = sum(end.completion_tokens for end in ends)
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
        "prompt_tokens_details": {"cached_tokens": sum(end.cached_tokens for end in firsts)},
    }
