# SPDX-License-Identifier: Apache-2.0
"""An embedding model of BERT's architecture with random weights and a vocabulary of letters."""

import string
from pathlib import Path

import numpy as np
from gguf import GGUFWriter, PoolingType, TokenType

WINDOW = 256
DIMENSIONS = 32
_HEADS = 4
_WORD_START = "\u2581"  # llama.cpp marks where a word begins, not where it goes on
_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
_LETTERS = string.ascii_lowercase + string.digits + string.punctuation
TOKENS = [*_SPECIAL, *(_WORD_START + letter for letter in _LETTERS), *_LETTERS]

Shape = tuple[int, ...]


def write_bert(
    path: Path,
    *,
    pooling: PoolingType = PoolingType.MEAN,
    window: int = WINDOW,
    dimensions: int = DIMENSIONS,
    blocks: int = 3,
    epsilon: float = 1e-12,
) -> None:
    """Write the model; a larger one is slow enough for a test to act while it computes.

    A negative ``epsilon`` makes llama.cpp abort as soon as it computes.
    """
    writer = GGUFWriter(path, "bert")
    writer.add_name("tiny bert")
    writer.add_context_length(window)
    writer.add_embedding_length(dimensions)
    writer.add_block_count(blocks)
    writer.add_feed_forward_length(4 * dimensions)
    writer.add_head_count(_HEADS)
    writer.add_layer_norm_eps(epsilon)
    writer.add_causal_attention(False)
    writer.add_pooling_type(pooling)
    _add_vocabulary(writer)
    random = np.random.default_rng(seed=3)
    for name, shape in _tensors(window, dimensions, blocks).items():
        writer.add_tensor(name, _weights(random, name, shape))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_vocabulary(writer: GGUFWriter) -> None:
    num_special = len(_SPECIAL)
    writer.add_tokenizer_model("bert")
    writer.add_vocab_size(len(TOKENS))
    writer.add_token_list(TOKENS)
    writer.add_token_scores([-1000.0] * len(TOKENS))
    writer.add_token_types(
        [TokenType.CONTROL] * num_special + [TokenType.NORMAL] * (len(TOKENS) - num_special)
    )
    writer.add_token_type_count(2)
    writer.add_pad_token_id(_SPECIAL.index("[PAD]"))
    writer.add_unk_token_id(_SPECIAL.index("[UNK]"))
    writer.add_bos_token_id(_SPECIAL.index("[CLS]"))
    writer.add_sep_token_id(_SPECIAL.index("[SEP]"))
    writer.add_mask_token_id(_SPECIAL.index("[MASK]"))


def _tensors(window: int, dimensions: int, blocks: int) -> dict[str, Shape]:
    wide = 4 * dimensions
    square = (dimensions, dimensions)
    block: dict[str, Shape] = {
        "attn_q.weight": square,
        "attn_k.weight": square,
        "attn_v.weight": square,
        "attn_output.weight": square,
        "attn_output_norm.weight": (dimensions,),
        "attn_output_norm.bias": (dimensions,),
        "ffn_up.weight": (wide, dimensions),
        "ffn_down.weight": (dimensions, wide),
        "layer_output_norm.weight": (dimensions,),
        "layer_output_norm.bias": (dimensions,),
    }
    return {
        "token_embd.weight": (len(TOKENS), dimensions),
        "token_types.weight": (2, dimensions),
        "position_embd.weight": (window, dimensions),
        "token_embd_norm.weight": (dimensions,),
        "token_embd_norm.bias": (dimensions,),
        **{f"blk.{n}.{name}": shape for n in range(blocks) for name, shape in block.items()},
    }


def _weights(random: np.random.Generator, name: str, shape: Shape) -> "np.ndarray":
    if name.endswith("norm.weight"):
        return np.ones(shape, np.float32)
    return random.normal(scale=0.3, size=shape).astype(np.float32)
