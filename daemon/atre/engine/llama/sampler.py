# SPDX-License-Identifier: Apache-2.0
import secrets
from collections.abc import Iterable, Iterator
from typing import Any

from llama_cpp import llama_cpp as lib

from atre.engine.llama.constraint import Constraint
from atre.ipc.messages import Sampling

# How far back the penalties look, in tokens. The C sampler keeps a ring of this size.
_PENALTY_WINDOW = 1024
_KEEP_ONE = 1  # top_p and min_p always leave a token to choose


class Sampler:
    """A chain of llama.cpp samplers for one sequence, with its state: penalties and random seed."""

    def __init__(
        self,
        sampling: Sampling,
        *,
        num_tokens: int,
        prompt: Iterable[int],
        constraint: Constraint | None = None,
    ) -> None:
        """``constraint`` is the sampler's own from here on, and closed with it."""
        self._constraint = constraint
        self._chain: Any = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
        for stage in _stages(sampling, num_tokens=num_tokens, prompt=prompt):
            lib.llama_sampler_chain_add(self._chain, stage)

    def sample(self, context: Any, row: int) -> int:
        """Choose the token after the batch's row ``row`` and remember it for the penalties."""
        if self._constraint:
            return self._constraint.sample(self._chain, lib.llama_get_logits_ith(context, row))
        token: int = lib.llama_sampler_sample(self._chain, context, row)
        return token

    def close(self) -> None:
        if self._constraint:
            self._constraint.close()
        lib.llama_sampler_free(self._chain)


def _stages(sampling: Sampling, *, num_tokens: int, prompt: Iterable[int]) -> Iterator[Any]:
    """The order is llama.cpp's own: bias, penalties, filters from wide to narrow, temperature."""
    if sampling.logit_bias:
        biases: Any = (lib.llama_logit_bias * len(sampling.logit_bias))(
            *((token, bias) for token, bias in sampling.logit_bias.items())
        )
        yield lib.llama_sampler_init_logit_bias(num_tokens, len(biases), biases)
    yield from _penalties(sampling, num_tokens=num_tokens, prompt=prompt)
    if sampling.temperature == 0.0:
        yield lib.llama_sampler_init_greedy()
        return
    if sampling.top_k:
        yield lib.llama_sampler_init_top_k(sampling.top_k)
    if sampling.top_p < 1.0:
        yield lib.llama_sampler_init_top_p(sampling.top_p, _KEEP_ONE)
    if sampling.min_p > 0.0:
        yield lib.llama_sampler_init_min_p(sampling.min_p, _KEEP_ONE)
    yield lib.llama_sampler_init_temp(sampling.temperature)
    seed = secrets.randbits(32) if sampling.seed is None else sampling.seed
    yield lib.llama_sampler_init_dist(seed)


def _penalties(sampling: Sampling, *, num_tokens: int, prompt: Iterable[int]) -> Iterator[Any]:
    """Repetition counts the prompt too; frequency and presence only the answer, as OpenAI's do."""
    if sampling.repetition_penalty != 1.0:
        repetition: Any = lib.llama_sampler_init_penalties(
            num_tokens, _PENALTY_WINDOW, sampling.repetition_penalty, 0.0, 0.0
        )
        for token in prompt:
            lib.llama_sampler_accept(repetition, token)
        yield repetition
    if sampling.frequency_penalty or sampling.presence_penalty:
        yield lib.llama_sampler_init_penalties(
            num_tokens,
            _PENALTY_WINDOW,
            1.0,
            sampling.frequency_penalty,
            sampling.presence_penalty,
        )
