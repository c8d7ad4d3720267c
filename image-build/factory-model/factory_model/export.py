# SPDX-License-Identifier: Apache-2.0
"""The trained model as a Q8_0 GGUF with its tokenizer, chat template and provenance."""

import json
from pathlib import Path

import gguf
from tokenizers import Tokenizer

from factory_model.chat import CHAT_TEMPLATE, END, SPECIAL_TOKENS
from factory_model.model import Llama, Shape

MAX_BYTES = 16 * 1024 * 1024
_BLOCK_TENSORS = {
    "attention_norm": "attn_norm",
    "query": "attn_q",
    "key": "attn_k",
    "value": "attn_v",
    "out": "attn_output",
    "hidden_norm": "ffn_norm",
    "gate": "ffn_gate",
    "up": "ffn_up",
    "down": "ffn_down",
}


def export(model: Llama, tokenizer: Tokenizer, path: Path) -> None:
    """Write the GGUF whole or not at all."""
    written = path.with_suffix(".tmp")
    writer = gguf.GGUFWriter(written, "llama")
    _add_provenance(writer)
    _add_shape(writer, model.shape)
    _add_tokenizer(writer, tokenizer)
    _add_tensors(writer, model)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    written.replace(path)


def _add_provenance(writer: gguf.GGUFWriter) -> None:
    writer.add_name("Âtre factory")
    writer.add_author("Âtre")
    writer.add_license("apache-2.0")
    writer.add_languages(["fr", "en"])
    writer.add_size_label("6M")
    writer.add_description(
        "Factory model of Âtre: a small demonstration model, trained from scratch by "
        "image-build/factory-model on text written for it. It answers questions about the box."
    )


def _add_shape(writer: gguf.GGUFWriter, shape: Shape) -> None:
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.hidden)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_rope_dimension_count(shape.head_width)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_layer_norm_rms_eps(shape.norm_epsilon)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)


def _add_tokenizer(writer: gguf.GGUFWriter, tokenizer: Tokenizer) -> None:
    model = json.loads(tokenizer.to_str())["model"]
    vocabulary = sorted(model["vocab"], key=model["vocab"].__getitem__)
    types = [
        gguf.TokenType.CONTROL if token in SPECIAL_TOKENS else gguf.TokenType.NORMAL
        for token in vocabulary
    ]
    end = model["vocab"][END]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(vocabulary)
    writer.add_token_types(types)
    writer.add_token_merges([" ".join(pair) for pair in model["merges"]])
    writer.add_bos_token_id(end)
    writer.add_eos_token_id(end)
    writer.add_pad_token_id(end)
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)


def _add_tensors(writer: gguf.GGUFWriter, model: Llama) -> None:
    for name, value in model.state_dict().items():
        data = value.float().numpy()
        if data.ndim == 1:
            writer.add_tensor(_tensor_name(name), data)
            continue
        packed = gguf.quants.quantize(data, gguf.GGMLQuantizationType.Q8_0)
        writer.add_tensor(_tensor_name(name), packed, raw_dtype=gguf.GGMLQuantizationType.Q8_0)


def _tensor_name(name: str) -> str:
    if name == "embedding.weight":
        return "token_embd.weight"
    if name == "norm.weight":
        return "output_norm.weight"
    _, block, part, _ = name.split(".")
    return f"blk.{block}.{_BLOCK_TENSORS[part]}.weight"
