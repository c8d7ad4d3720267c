# SPDX-License-Identifier: Apache-2.0
"""A llama of 5.8 million parameters: RMSNorm, RoPE, grouped queries, SwiGLU, tied embeddings."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Sizes of the model; the GGUF metadata says the same numbers."""

    vocabulary: int = 4096
    context: int = 1024
    width: int = 256
    layers: int = 6
    heads: int = 8
    kv_heads: int = 4
    hidden: int = 768
    rope_base: float = 10_000.0
    norm_epsilon: float = 1e-5

    @property
    def head_width(self) -> int:
        """Width of one attention head."""
        return self.width // self.heads


class Llama(nn.Module):
    """Token ids (batch, length) to logits (batch, length, vocabulary)."""

    def __init__(self, shape: Shape, dropout: float = 0.0) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        self.blocks = nn.ModuleList(Block(shape, dropout) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.width, eps=shape.norm_epsilon)
        self.register_buffer("rotation", _rotation(shape), persistent=False)
        self.apply(_initialise)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits of the next token at every position."""
        hidden = self.hidden(tokens)
        return functional.linear(hidden, self.embedding.weight)

    def hidden(self, tokens: Tensor) -> Tensor:
        """The normalised state before the output matrix."""
        state = self.embedding(tokens)
        rotation = self.rotation[: tokens.shape[1]]
        for block in self.blocks:
            state = block(state, rotation)
        return self.norm(state)


class Block(nn.Module):
    """Attention and feed-forward, each after a norm and added to the stream."""

    def __init__(self, shape: Shape, dropout: float) -> None:
        super().__init__()
        self.shape = shape
        kv_width = shape.kv_heads * shape.head_width
        self.attention_norm = nn.RMSNorm(shape.width, eps=shape.norm_epsilon)
        self.query = nn.Linear(shape.width, shape.width, bias=False)
        self.key = nn.Linear(shape.width, kv_width, bias=False)
        self.value = nn.Linear(shape.width, kv_width, bias=False)
        self.out = nn.Linear(shape.width, shape.width, bias=False)
        self.hidden_norm = nn.RMSNorm(shape.width, eps=shape.norm_epsilon)
        self.gate = nn.Linear(shape.width, shape.hidden, bias=False)
        self.up = nn.Linear(shape.width, shape.hidden, bias=False)
        self.down = nn.Linear(shape.hidden, shape.width, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, state: Tensor, rotation: Tensor) -> Tensor:
        """One layer over (batch, length, width)."""
        state = state + self.dropout(self._attend(self.attention_norm(state), rotation))
        normed = self.hidden_norm(state)
        hidden = functional.silu(self.gate(normed)) * self.up(normed)
        return state + self.dropout(self.down(hidden))

    def _attend(self, state: Tensor, rotation: Tensor) -> Tensor:
        batch, length, width = state.shape

        def heads(projected: Tensor) -> Tensor:
            return projected.view(batch, length, -1, self.shape.head_width).transpose(1, 2)

        query = _rotate(heads(self.query(state)), rotation)
        key = _rotate(heads(self.key(state)), rotation)
        groups = self.shape.heads // self.shape.kv_heads
        mixed = functional.scaled_dot_product_attention(
            query,
            key.repeat_interleave(groups, dim=1),
            heads(self.value(state)).repeat_interleave(groups, dim=1),
            is_causal=True,
        )
        return self.out(mixed.transpose(1, 2).reshape(batch, length, width))


def _rotation(shape: Shape) -> Tensor:
    """Cosines and sines, (context, head_width / 2, 2)."""
    half = torch.arange(0, shape.head_width, 2, dtype=torch.float32) / shape.head_width
    angles = torch.outer(torch.arange(shape.context, dtype=torch.float32), shape.rope_base**-half)
    return torch.stack((angles.cos(), angles.sin()), dim=-1)


def _rotate(state: Tensor, rotation: Tensor) -> Tensor:
    # Pairs (2i, 2i + 1), as llama.cpp's normal RoPE: the export then permutes nothing.
    even, odd = state.unflatten(-1, (-1, 2)).unbind(-1)
    cosine, sine = rotation.to(state.dtype).unbind(-1)
    turned = (even * cosine - odd * sine, even * sine + odd * cosine)
    return torch.stack(turned, dim=-1).flatten(-2)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
