# SPDX-License-Identifier: Apache-2.0
"""A model of a real shape with random weights, whose next token is nevertheless known.

Speed depends on shapes, not on values, so random weights race as fairly as trained ones. The one
thing that is arranged is the output matrix: the row of a word's successor is that word's own
embedding, so under any sampling each word is followed by its successor, in one long cycle through
all words. That makes answers long (no end token ever wins), whole words (a token an event), and
gives the rewriting scenario a text that the model does repeat word for word. Prompts of the other
scenarios are random words, whose order the cycle does not follow.
"""

import itertools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray

NAME = "random-190M"
WINDOW = 8192
EMBEDDING, FEED_FORWARD, BLOCKS, HEADS, KV_HEADS = 1024, 2560, 12, 16, 4
SHAPE = (
    f"llama architecture, width {EMBEDDING}, {BLOCKS} blocks, feed-forward {FEED_FORWARD}, "
    f"{HEADS} heads, {KV_HEADS} KV heads, 32,000 tokens, 191 million parameters, Q8_0"
)
_SEED = 7
_DEVIATION = 0.02
_QUIET_DEVIATION = 0.004  # of what blocks write, so that the last word outweighs them
_OUTPUT_DEVIATION = 0.03
_REWRITTEN_WORDS = 400
_CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{{ message.role }}: {{ message.content }}\n"
    "{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"
)
_COLON = ":"  # the prompt's last token: its successor begins every answer
_WORD = re.compile("▁[a-z]{3,}")
_QUANTIZATION = gguf.GGMLQuantizationType.Q8_0

Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class RandomModel:
    """The file, the text that the model repeats, its end token, and the bytes a token reads."""

    path: Path
    text: str
    end_token: int
    step_bytes: int


def write_random_model(path: Path, vocabulary: Path) -> RandomModel:
    """Write the model to ``path`` with the tokenizer of the GGUF file ``vocabulary``."""
    source = gguf.GGUFReader(vocabulary)
    tokens: list[str] = source.fields["tokenizer.ggml.tokens"].contents()
    cycle = _cycle(tokens)
    writer = gguf.GGUFWriter(path, "llama")
    _add_metadata(source, writer, len(tokens))
    step_bytes = 0
    for name, matrix in _tensors(len(tokens), cycle):
        if matrix.ndim == 1:
            writer.add_tensor(name, matrix)
            step_bytes += matrix.nbytes
            continue
        data = gguf.quants.quantize(matrix, _QUANTIZATION)
        writer.add_tensor(name, data, raw_dtype=_QUANTIZATION)
        if name != "token_embd.weight":  # of which a token reads one row
            step_bytes += data.nbytes
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return RandomModel(
        path=path,
        text=" ".join(tokens[token][1:] for token in cycle[1 : 1 + _REWRITTEN_WORDS]),
        end_token=source.fields["tokenizer.ggml.eos_token_id"].contents(),
        step_bytes=step_bytes,
    )


def _cycle(tokens: list[str]) -> list[int]:
    """The colon, then every plain word of the vocabulary once, in random order."""
    words = [number for number, token in enumerate(tokens) if _WORD.fullmatch(token)]
    np.random.default_rng(_SEED).shuffle(words)
    return [tokens.index(_COLON), *words]


def _add_metadata(source: Any, writer: Any, num_tokens: int) -> None:
    for key, field in source.fields.items():
        if key.startswith("tokenizer."):
            element = field.types[1] if len(field.types) > 1 else None
            writer.add_key_value(key, field.contents(), field.types[0], sub_type=element)
    writer.add_chat_template(_CHAT_TEMPLATE)
    writer.add_name(NAME)
    writer.add_context_length(WINDOW)
    writer.add_embedding_length(EMBEDDING)
    writer.add_block_count(BLOCKS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_rope_dimension_count(EMBEDDING // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(num_tokens)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)


def _tensors(num_tokens: int, cycle: list[int]) -> "itertools.chain[tuple[str, Matrix]]":
    random = np.random.default_rng(_SEED)

    def matrix(rows: int, columns: int, deviation: float = _DEVIATION) -> Matrix:
        return random.standard_normal((rows, columns), np.float32) * np.float32(deviation)

    embedding = matrix(num_tokens, EMBEDDING, 1.0)
    output = matrix(num_tokens, EMBEDDING, _OUTPUT_DEVIATION)
    for word, successor in itertools.pairwise([*cycle, cycle[0]]):
        output[successor] = embedding[word] * _OUTPUT_DEVIATION
    ones = np.ones(EMBEDDING, np.float32)
    kv_width = EMBEDDING // HEADS * KV_HEADS
    ends: list[tuple[str, Matrix]] = [
        ("token_embd.weight", embedding),
        ("output_norm.weight", ones),
        ("output.weight", output),
    ]
    blocks = (
        (f"blk.{block}.{name}.weight", weights)
        for block in range(BLOCKS)
        for name, weights in (
            ("attn_norm", ones),
            ("attn_q", matrix(EMBEDDING, EMBEDDING)),
            ("attn_k", matrix(kv_width, EMBEDDING)),
            ("attn_v", matrix(kv_width, EMBEDDING)),
            ("attn_output", matrix(EMBEDDING, EMBEDDING, _QUIET_DEVIATION)),
            ("ffn_norm", ones),
            ("ffn_gate", matrix(FEED_FORWARD, EMBEDDING)),
            ("ffn_up", matrix(FEED_FORWARD, EMBEDDING)),
            ("ffn_down", matrix(EMBEDDING, FEED_FORWARD, _QUIET_DEVIATION)),
        )
    )
    return itertools.chain(ends, blocks)
