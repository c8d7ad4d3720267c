# SPDX-License-Identifier: Apache-2.0
"""GGUF files of a few kilobytes: a model, the same in parts, adapters for it."""

from pathlib import Path

import numpy as np
from gguf import GGUFWriter

N_EMBD, N_VOCAB, RANK = 64, 300, 4
ALPHA = 16.0


def write_model(path: Path, *, n_embd: int = N_EMBD, parts: int = 1, seed: int = 0) -> Path:
    """A llama of one layer without any sense; ``path`` of several parts is their prefix."""
    tensors = {
        "token_embd.weight": (N_VOCAB, n_embd),
        "blk.0.attn_q.weight": (n_embd, n_embd),
        "blk.0.ffn_up.weight": (2 * n_embd, n_embd),
        "output_norm.weight": (n_embd,),
    }
    writer = GGUFWriter(
        None if parts > 1 else path,
        "llama",
        split_max_tensors=-(-len(tensors) // parts) if parts > 1 else 0,
    )
    writer.add_name(f"Essai {seed}")
    writer.add_license("apache-2.0")
    writer.add_context_length(1024)
    writer.add_block_count(1)
    writer.add_embedding_length(n_embd)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list([f"token{i}" for i in range(N_VOCAB)])
    _write(writer, tensors, seed, path if parts > 1 else None)
    return path


def write_adapter(
    path: Path,
    *,
    architecture: str = "llama",
    n_embd: int = N_EMBD,
    rank: int = RANK,
    only_half: bool = False,
    is_activated: bool = False,
) -> Path:
    """A LoRA for the attention of the first layer, as convert_lora_to_gguf.py writes it."""
    writer = GGUFWriter(path, architecture)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", ALPHA)
    if is_activated:
        writer.add_array("adapter.alora.invocation_tokens", [3, 4])
    writer.add_name("Lettres")
    tensors: dict[str, tuple[int, ...]] = {"blk.0.attn_q.weight.lora_a": (rank, n_embd)}
    if not only_half:
        tensors["blk.0.attn_q.weight.lora_b"] = (n_embd, rank)
    _write(writer, tensors, 0, None)
    return path


def _write(
    writer: GGUFWriter, tensors: dict[str, tuple[int, ...]], seed: int, prefix: Path | None
) -> None:
    chance = np.random.default_rng(seed)
    for name, shape in tensors.items():
        writer.add_tensor(name, chance.standard_normal(shape, dtype=np.float32))
    writer.write_header_to_file(prefix)
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
