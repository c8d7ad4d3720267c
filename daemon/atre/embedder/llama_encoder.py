# SPDX-License-Identifier: Apache-2.0
from collections.abc import Sequence
from typing import Any

import numpy as np
from llama_cpp import llama_cpp as lib

from atre.embedder.encoder import MAX_INPUT_TOKENS, Row, Rows, Tokens
from atre.engine.llama.log import take_errors
from atre.engine.llama.model import LlamaModel
from atre.errors import DecodeError, ModelLoadError

# One step: more rows make a CPU no faster, and they are what a departed client still costs.
_STEP_TOKENS = 512
_STEP_INPUTS = 64
_FLASH_ATTENTION_AUTO = -1  # enum llama_flash_attn_type
_POOLING = {
    lib.LLAMA_POOLING_TYPE_MEAN: "mean",
    lib.LLAMA_POOLING_TYPE_CLS: "cls",
    lib.LLAMA_POOLING_TYPE_LAST: "last",
}
_NOT_POOLED = {
    lib.LLAMA_POOLING_TYPE_NONE: "its file names no pooling, so it is no embedding model",
    lib.LLAMA_POOLING_TYPE_RANK: "it ranks pairs of texts and gives no vectors",
}


class LlamaEncoder:
    """An Encoder on a llama.cpp context with pooled embeddings."""

    def __init__(self, model: LlamaModel, *, threads: int) -> None:
        """Raises ModelLoadError for a model that gives no vector for a text."""
        if lib.llama_model_has_encoder(model.handle) and lib.llama_model_has_decoder(model.handle):
            raise ModelLoadError(_unusable(model, "it translates from an encoder to a decoder"))
        self.max_input_tokens = min(model.n_ctx_train, MAX_INPUT_TOKENS)
        self.dimensions: int = lib.llama_model_n_embd_out(model.handle)
        self.max_batch_inputs = _STEP_INPUTS
        self.max_batch_tokens = _STEP_TOKENS
        # llama.cpp pools within one micro-batch: only a causal model that takes its last token
        # may see its input in pieces.
        in_pieces = _takes_last_token_of_causal(model)
        num_rows = _STEP_TOKENS if in_pieces else max(_STEP_TOKENS, self.max_input_tokens)
        self._num_rows = num_rows
        self._context = _make_context(
            model,
            num_rows=num_rows,
            num_cells=max(num_rows, self.max_input_tokens),
            threads=threads,
        )
        kind = lib.llama_pooling_type(self._context)
        if kind not in _POOLING:
            lib.llama_free(self._context)
            raise ModelLoadError(_unusable(model, _NOT_POOLED.get(kind, f"pooling {kind}")))
        self.pooling = _POOLING[kind]
        self._memory: Any = lib.llama_get_memory(self._context)
        self._batch: Any = lib.llama_batch_init(num_rows, 0, 1)

    def encode(self, inputs: Sequence[Tokens]) -> Rows:
        if self._memory:
            lib.llama_memory_clear(self._memory, False)
        if len(inputs) == 1:
            self._encode_in_pieces(inputs[0])
        else:
            self._compute([(slot, 0, tokens) for slot, tokens in enumerate(inputs)])
        return np.stack([self._read(slot) for slot in range(len(inputs))])

    def close(self) -> None:
        lib.llama_batch_free(self._batch)
        lib.llama_free(self._context)

    def _encode_in_pieces(self, tokens: Tokens) -> None:
        for start in range(0, len(tokens), self._num_rows):
            self._compute([(0, start, tokens[start : start + self._num_rows])])

    def _compute(self, parts: list[tuple[int, int, Tokens]]) -> None:
        """Compute tokens of each (sequence, first position, tokens)."""
        batch = self._batch
        row = 0
        for slot, first, tokens in parts:
            for position, token in enumerate(tokens.tolist(), start=first):
                batch.token[row] = token
                batch.pos[row] = position
                batch.n_seq_id[row] = 1
                batch.seq_id[row][0] = slot
                batch.logits[row] = True
                row += 1
        batch.n_tokens = row
        take_errors()
        code = lib.llama_decode(self._context, batch)
        if code != 0:
            reason = take_errors() or "no reason given"
            raise DecodeError(f"The embedding model failed: {reason} ({code}).", code=code)

    def _read(self, slot: int) -> Row:
        pointer = lib.llama_get_embeddings_seq(self._context, slot)
        return np.ctypeslib.as_array(pointer, shape=(self.dimensions,)).copy()


def _takes_last_token_of_causal(model: LlamaModel) -> bool:
    architecture = model.metadata("general.architecture")
    pooling = model.metadata(f"{architecture}.pooling_type")
    causal = model.metadata(f"{architecture}.attention.causal")
    return pooling == str(lib.LLAMA_POOLING_TYPE_LAST) and causal != "false"


def _make_context(model: LlamaModel, *, num_rows: int, num_cells: int, threads: int) -> Any:
    params: Any = lib.llama_context_default_params()
    params.embeddings = True
    params.pooling_type = lib.LLAMA_POOLING_TYPE_UNSPECIFIED  # as the model's file says
    params.n_ctx = num_cells
    params.n_batch = params.n_ubatch = num_rows
    params.n_seq_max = _STEP_INPUTS
    params.n_threads = params.n_threads_batch = threads
    params.flash_attn_type = _FLASH_ATTENTION_AUTO
    params.kv_unified = True
    params.no_perf = True
    take_errors()
    context = lib.llama_init_from_model(model.handle, params)
    if not context:
        raise ModelLoadError(_unusable(model, take_errors() or "no reason given"))
    return context


def _unusable(model: LlamaModel, reason: str) -> str:
    return (
        f"{model.name} cannot be used for embeddings: {reason}. Give --embedding-model an "
        "embedding model in GGUF format."
    )
