# SPDX-License-Identifier: Apache-2.0
import ctypes
import logging
import time
from typing import Any

import numpy as np
from llama_cpp import llama_cpp as lib
from numpy.typing import NDArray

from atre.engine.kv_cache import Operation, Release, Restore, Save, Share, Trim
from atre.engine.llama.constraint import constraint
from atre.engine.llama.log import take_errors
from atre.engine.llama.logprob import token_logprob
from atre.engine.llama.model import LlamaModel
from atre.engine.llama.sampler import Sampler
from atre.engine.model_runner import Sampled
from atre.engine.sequence import Chunk, Sequence
from atre.engine.snapshots import Snapshots
from atre.engine_plan import EnginePlan, count_sequences
from atre.errors import DecodeError, ModelLoadError

_log = logging.getLogger(__name__)

_KV_TYPES = {"f16": lib.GGML_TYPE_F16, "q8_0": lib.GGML_TYPE_Q8_0}
_FLASH_ATTENTION_AUTO = -1  # enum llama_flash_attn_type
_WHOLE_STATE = 0  # llama_state_seq_flags: everything, on the host
_TO_END = -1  # llama_memory_seq_rm: up to the last position
_INVALID_BATCH = -1  # as llama_decode says
_MEANING = {
    1: "no room in the KV cache for this batch",
    2: "the computation was interrupted",
    _INVALID_BATCH: "the batch is invalid",
}


class LlamaRunner:
    """A ModelRunner on a llama.cpp context with one unified KV cache for all slots.

    The arrays of the batch are numpy's and live as long as the runner: filling them costs four
    slice assignments, whatever the batch.
    """

    def __init__(self, model: LlamaModel, plan: EnginePlan, snapshots: Snapshots) -> None:
        self._model = model
        self._snapshots = snapshots
        self._context = _make_context(model, plan)
        self._threads = self._wanted_threads = plan.threads
        self._plan = plan
        self.model_s = 0.0
        self.n_batch = plan.n_batch
        self.num_slots: int = lib.llama_n_seq_max(self._context)
        self._memory: Any = lib.llama_get_memory(self._context)
        self._samplers: dict[int, Sampler] = {}
        self._token: NDArray[np.int32] = np.zeros(plan.n_batch, np.int32)
        self._position: NDArray[np.int32] = np.zeros(plan.n_batch, np.int32)
        self._slot: NDArray[np.int32] = np.zeros(plan.n_batch, np.int32)
        self._wants_logits: NDArray[np.int8] = np.zeros(plan.n_batch, np.int8)
        self._num_slots_of_row: NDArray[np.int32] = np.ones(plan.n_batch, np.int32)
        # llama_batch.seq_id is an array of pointers, here each to one element of ``_slot``.
        self._slot_pointers: NDArray[np.uintp] = (
            self._slot.ctypes.data + self._slot.itemsize * np.arange(plan.n_batch)
        ).astype(np.uintp)
        self._batch = self._make_batch()

    def cap_threads(self, most: int | None) -> None:
        """Decode with so many at most from the next step on; for any thread."""
        self._wanted_threads = min(most or self._plan.threads, self._plan.threads)

    def run(self, batch: list[Chunk]) -> dict[int, list[Sampled]]:
        if self._wanted_threads != self._threads:
            self._threads = self._wanted_threads
            lib.llama_set_n_threads(self._context, self._threads, self._plan.threads_batch)
        last_rows = self._fill(batch)
        started_s = time.perf_counter()
        code = lib.llama_decode(self._context, self._batch)
        self.model_s += time.perf_counter() - started_s
        if code != 0:
            self._undo(batch)
            reason = _MEANING.get(code, take_errors() or "unknown reason")
            raise DecodeError(
                f"The model could not compute a step: {reason} ({code}).",
                f"Le modèle n’a pas pu calculer une étape : {reason} ({code}).",
                code=code,
            )
        return {
            chunk.sequence.id: self._sample_chunk(chunk, row)
            for chunk, row in zip(batch, last_rows, strict=True)
            if chunk.is_last
        }

    def apply(self, operation: Operation) -> None:
        match operation:
            case Release(slot):
                lib.llama_memory_seq_rm(self._memory, slot, 0, _TO_END)
            case Share(source, target, start, end):
                # Metadata only under kv_unified, whatever the range (llama-kv-cache.cpp).
                lib.llama_memory_seq_rm(self._memory, target, start, end)
                lib.llama_memory_seq_cp(self._memory, source, target, start, end)
            case Save(slot, prefix):
                self._snapshots.put(prefix, self._read_state(slot))
            case Restore(slot, state):
                self._write_state(slot, state)
            case Trim(slot, length):
                lib.llama_memory_seq_rm(self._memory, slot, length, _TO_END)

    def forget(self, sequence: Sequence) -> None:
        sampler = self._samplers.pop(sequence.id, None)
        if sampler:
            sampler.close()

    def close(self) -> None:
        for sampler in self._samplers.values():
            sampler.close()
        lib.llama_free(self._context)

    def _read_state(self, slot: int) -> bytearray:
        size = lib.llama_state_seq_get_size_ext(self._context, slot, _WHOLE_STATE)
        state = bytearray(size)
        buffer: Any = (ctypes.c_uint8 * size).from_buffer(state)
        lib.llama_state_seq_get_data_ext(self._context, buffer, size, slot, _WHOLE_STATE)
        return state

    def _write_state(self, slot: int, state: bytearray) -> None:
        buffer: Any = (ctypes.c_uint8 * len(state)).from_buffer(state)
        read = lib.llama_state_seq_set_data_ext(
            self._context, buffer, len(state), slot, _WHOLE_STATE
        )
        if read != len(state):
            # The slot is empty now; the batch of its sequence will be refused, and only that.
            _log.error("a saved state could not be restored: %s", take_errors())

    def _fill(self, batch: list[Chunk]) -> list[int]:
        """Lay the chunks out as rows; return the row of each one's last known token."""
        num_rows = sum(chunk.num_rows for chunk in batch)
        if num_rows > len(self._token):
            raise DecodeError(f"A batch of {num_rows} rows exceeds n_batch.", code=_INVALID_BATCH)
        last_rows: list[int] = []
        tokens: list[int] = []
        positions: list[int] = []
        slots: list[int] = []
        wants_logits: list[bool] = []
        for chunk in batch:
            sequence = chunk.sequence
            first = sequence.num_computed
            last_rows.append(len(tokens) + chunk.num_tokens - 1)
            tokens += sequence.tokens[first : first + chunk.num_tokens]
            tokens += chunk.draft
            positions += range(first, first + chunk.num_rows)
            slots += [sequence.running_slot] * chunk.num_rows
            wants_logits += [False] * (chunk.num_tokens - 1)
            wants_logits += [chunk.is_last] * (1 + len(chunk.draft))
        self._token[:num_rows] = tokens
        self._position[:num_rows] = positions
        self._slot[:num_rows] = slots
        self._wants_logits[:num_rows] = wants_logits
        self._batch.n_tokens = num_rows
        return last_rows

    def _undo(self, batch: list[Chunk]) -> None:
        """Remove what a failed call may have computed: parts of a batch stay after some errors."""
        for chunk in batch:
            sequence = chunk.sequence
            lib.llama_memory_seq_rm(
                self._memory, sequence.running_slot, sequence.num_computed, _TO_END
            )

    def _sample_chunk(self, chunk: Chunk, row: int) -> list[Sampled]:
        """Sample after the last known token, and on as long as the draft says the same.

        Each token is drawn from the model's own distribution, so guesses change no answer.
        """
        sampled = [self._sample(chunk.sequence, row)]
        for place, guess in enumerate(chunk.draft, start=1):
            if guess != sampled[-1].token:
                break
            sampled.append(self._sample(chunk.sequence, row + place))
        if len(sampled) <= len(chunk.draft):
            sequence = chunk.sequence
            num_right = sequence.num_computed + chunk.num_tokens + len(sampled) - 1
            lib.llama_memory_seq_rm(self._memory, sequence.running_slot, num_right, _TO_END)
        return sampled

    def _sample(self, sequence: Sequence, row: int) -> Sampled:
        sampler = self._samplers.get(sequence.id)
        if sampler is None:
            sampler = self._samplers[sequence.id] = Sampler(
                sequence.sampling,
                num_tokens=self._model.num_tokens,
                prompt=sequence.tokens[: sequence.num_prompt],
                constraint=constraint(self._model, sequence.grammar),
            )
        started_s = time.perf_counter()
        token = sampler.sample(self._context, row)
        self.model_s += time.perf_counter() - started_s
        if sequence.sampling.logprobs is None:
            return Sampled(token)
        pointer = lib.llama_get_logits_ith(self._context, row)
        logits = np.ctypeslib.as_array(pointer, shape=(self._model.num_tokens,))
        num_top = sequence.sampling.logprobs
        return Sampled(token, token_logprob(logits, token, num_top, self._model.piece))

    def _make_batch(self) -> Any:
        batch: Any = lib.llama_batch()
        batch.token = _pointer(self._token, lib.llama_token)
        batch.pos = _pointer(self._position, lib.llama_pos)
        batch.n_seq_id = _pointer(self._num_slots_of_row, ctypes.c_int32)
        batch.seq_id = _pointer(self._slot_pointers, ctypes.POINTER(lib.llama_seq_id))
        batch.logits = _pointer(self._wants_logits, ctypes.c_int8)
        return batch


def _pointer(array: NDArray[Any], kind: Any) -> Any:
    return ctypes.cast(array.ctypes.data, ctypes.POINTER(kind))


def _make_context(model: LlamaModel, plan: EnginePlan) -> Any:
    params: Any = lib.llama_context_default_params()
    params.n_ctx = plan.n_ctx
    params.n_batch = plan.n_batch
    params.n_ubatch = plan.n_ubatch
    params.n_seq_max = count_sequences(plan.num_slots, has_plain_memory=model.has_plain_memory)
    params.n_threads = plan.threads
    params.n_threads_batch = plan.threads_batch
    params.type_k = params.type_v = _KV_TYPES[plan.kv_type]
    params.flash_attn_type = (
        _FLASH_ATTENTION_AUTO if plan.flash_attention is None else int(plan.flash_attention)
    )
    params.kv_unified = True
    # Cells of a sliding window that no later token sees are used again: SnapshotCache never cuts
    # back what such a model remembers, and full ones would take several times the memory.
    params.swa_full = False
    params.no_perf = True
    take_errors()
    context = lib.llama_init_from_model(model.handle, params)
    if not context:
        said = take_errors()
        raise ModelLoadError(
            f"The model does not start: {said or 'no reason given'}.",
            f"Le modèle ne démarre pas : {said or 'sans raison donnée'}.",
        )
    model.apply_adapters(context)
    return context
