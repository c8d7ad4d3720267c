# SPDX-License-Identifier: Apache-2.0
"""Conversations as padded batches of like length: no packing, so no mask but causality."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from factory_model.chat import segments
from factory_model.conversations import Conversation
from factory_model.model import Shape

# Lengths are rounded up to this, so that few tokens are padding.
_LENGTH_STEP = 8
_CONTEXT = Shape().context
_SHORT_SHARE = 0.45
# The refusals differ from their thirteenth token on.
_SHORT_ANSWER_TOKENS = 18
# The examples come in the order of the lessons; inside a lesson they are shuffled.
_LESSONS = 12


@dataclass(frozen=True, slots=True)
class Example:
    """Token ids and, for each, the weight of its loss when predicted."""

    tokens: np.ndarray
    weights: np.ndarray


def encode(tokenizer: Tokenizer, conversation: Conversation, rng: Random) -> Example:
    """The conversation in tokens; of many single answers only the beginning is kept.

    The first words of an answer decide which one it is; the rest is soon known by heart, and
    learning it again from every question would take more than half of the training time.
    """
    tokens: list[int] = []
    weights: list[float] = []
    for text, weight in segments(conversation):
        ids = tokenizer.encode(text).ids
        tokens += ids
        weights += [weight] * len(ids)
    end = _CONTEXT
    if len(conversation.turns) == 1 and rng.random() < _SHORT_SHARE:
        end = weights.index(1.0) + _SHORT_ANSWER_TOKENS
    return Example(
        np.array(tokens[:end], dtype=np.int64), np.array(weights[:end], dtype=np.float32)
    )


def batches(
    examples: Sequence[Example], batch_tokens: int, rng: Random
) -> Iterator[tuple[Tensor, Tensor]]:
    """One pass over the examples: (tokens, weights) of shape (rows, length).

    They keep their order but for a shuffle inside each twelfth.
    """
    size = -(-len(examples) // _LESSONS)
    for start in range(0, len(examples), size):
        yield from _lesson(examples[start : start + size], batch_tokens, rng)


def _lesson(
    examples: Sequence[Example], batch_tokens: int, rng: Random
) -> Iterator[tuple[Tensor, Tensor]]:
    groups: dict[int, list[Example]] = {}
    for example in examples:
        length = -(-len(example.tokens) // _LENGTH_STEP) * _LENGTH_STEP
        groups.setdefault(length, []).append(example)
    plan: list[tuple[int, list[Example]]] = []
    for length, members in groups.items():
        rng.shuffle(members)
        rows = max(1, batch_tokens // length)
        plan += [(length, members[at : at + rows]) for at in range(0, len(members), rows)]
    rng.shuffle(plan)
    for length, members in plan:
        yield _padded(length, members)


def _padded(length: int, members: Sequence[Example]) -> tuple[Tensor, Tensor]:
    tokens = np.zeros((len(members), length), dtype=np.int64)
    weights = np.zeros((len(members), length), dtype=np.float32)
    for row, example in enumerate(members):
        tokens[row, : len(example.tokens)] = example.tokens
        weights[row, : len(example.weights)] = example.weights
    return torch.from_numpy(tokens), torch.from_numpy(weights)
