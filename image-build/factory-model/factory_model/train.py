# SPDX-License-Identifier: Apache-2.0
"""Training: AdamW, warm-up and cosine, bf16 autocast, a checkpoint every minute."""

import math
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

import torch
from torch import Tensor
from torch.nn import functional

from factory_model.batches import Example, batches
from factory_model.model import Llama, Shape

PEAK_RATE = 2e-3
_FINAL_SHARE = 0.025
_WARM_UP_STEPS = 80
_WEIGHT_DECAY = 0.1
_DROPOUT = 0.1
_CLIP = 1.0
_BATCH_TOKENS = 4096
_CHECKPOINT_EVERY_S = 60.0


def train(
    model: Llama,
    examples: Sequence[Example],
    checkpoint: Path,
    *,
    threads: int,
    seed: int,
    budget_s: float,
    peak_rate: float = PEAK_RATE,
) -> None:
    """One pass over the examples, or as much of it as ``budget_s`` allows.

    The newest state is always in ``checkpoint``. A run that the budget cuts still ends with a
    small learning rate: what is left is the larger of what is done in steps and in time.
    """
    torch.set_num_threads(threads)
    optimiser = _optimiser(model)
    rng = Random(seed)  # noqa: S311 (reproducible draws, no secret)
    plan = list(batches(examples, _BATCH_TOKENS, rng))
    started = saved = time.monotonic()
    num_tokens = 0
    recent: list[float] = []
    for step, (tokens, weights) in enumerate(plan):
        done = max(step / len(plan), (time.monotonic() - started) / budget_s)
        for group in optimiser.param_groups:
            group["lr"] = peak_rate * _rate(step, min(done, 1.0))
        recent.append(_step(model, optimiser, tokens, weights))
        num_tokens += tokens.numel()
        now = time.monotonic()
        is_last = step + 1 == len(plan) or now - started > budget_s
        if is_last or now - saved > _CHECKPOINT_EVERY_S:
            saved = now
            _save(model, checkpoint)
            print(
                f"step {step + 1}/{len(plan)}  loss {sum(recent) / len(recent):.4f}"
                f"  {num_tokens} tokens  {now - started:.0f} s",
                flush=True,
            )
            recent.clear()
        if is_last:
            break


def new_model(seed: int) -> Llama:
    """A model that knows nothing yet, with the dropout of training."""
    torch.manual_seed(seed)
    return Llama(Shape(), dropout=_DROPOUT)


def load_checkpoint(checkpoint: Path, *, seed: int | None = None) -> Llama:
    """The model of a checkpoint: ready to be run or exported, or with a seed, to train on."""
    model = Llama(Shape()).eval() if seed is None else new_model(seed)
    model.load_state_dict(torch.load(checkpoint, weights_only=True))
    return model


def _step(model: Llama, optimiser: torch.optim.Optimizer, tokens: Tensor, weights: Tensor) -> float:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        hidden = model.hidden(tokens[:, :-1])
        # Positions without weight need no logits: the output matrix is a fifth of the work.
        wanted = weights[:, 1:] > 0
        logits = functional.linear(hidden[wanted], model.embedding.weight)
    losses = functional.cross_entropy(logits.float(), tokens[:, 1:][wanted], reduction="none")
    scale = weights[:, 1:][wanted]
    loss = (losses * scale).sum() / scale.sum()
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), _CLIP)
    optimiser.step()
    return float(loss.detach())


def _optimiser(model: Llama) -> torch.optim.Optimizer:
    matrices = [weight for weight in model.parameters() if weight.dim() > 1]
    vectors = [weight for weight in model.parameters() if weight.dim() == 1]
    groups = [
        {"params": matrices, "weight_decay": _WEIGHT_DECAY},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=PEAK_RATE, betas=(0.9, 0.95))


def _rate(step: int, done: float) -> float:
    warm = min(1.0, (step + 1) / _WARM_UP_STEPS)
    return warm * (_FINAL_SHARE + (1 - _FINAL_SHARE) * (1 + math.cos(math.pi * done)) / 2)


def _save(model: Llama, checkpoint: Path) -> None:
    written = checkpoint.with_suffix(".tmp")
    torch.save(model.state_dict(), written)
    written.replace(checkpoint)
