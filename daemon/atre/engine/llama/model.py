# SPDX-License-Identifier: Apache-2.0
import ctypes
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from llama_cpp import llama_cpp as lib

# The ggml that libllama itself uses. llama_cpp._ggml opens another copy of the same file, with a
# list of loaded backends of its own.
from llama_cpp.llama_cpp import _base_path as folder
from llama_cpp.llama_cpp import _lib as libllama

from atre.backend_libraries import load_backends
from atre.engine.llama.log import redirect_log, take_errors
from atre.engine_plan import Adapter
from atre.errors import InvalidRequestError, ModelLoadError

_PIECE_BYTES = 256
_TEXT_BYTES = 4096
_KEEP_LOADING = True
_CPU_TYPE = 0  # GGML_BACKEND_DEVICE_TYPE_CPU


class LlamaModel:
    """A GGUF model in memory: its weights, its description and its vocabulary."""

    def __init__(
        self,
        path: Path,
        *,
        n_gpu_layers: int,
        on_progress: Callable[[float], None],
        device: str | None = None,
        adapters: Sequence[Adapter] = (),
        is_rehearsal: bool = False,
    ) -> None:
        """Load the weights; ``on_progress`` hears fractions from 0 to 1.

        ``device`` is the only one that takes layers; None leaves the choice to llama.cpp. The
        ``adapters`` are loaded too, and act in every context that ``apply_adapters`` was given. A
        rehearsal reads no weights and computes nothing: llama.cpp only works out its allocations.
        Raises ModelLoadError with llama.cpp's own words.
        """
        redirect_log()
        load_backends(libllama, Path(folder))
        lib.llama_backend_init()
        params: Any = lib.llama_model_default_params()
        params.n_gpu_layers = n_gpu_layers
        devices = None if device is None else _device_list(device)
        params.devices = devices and ctypes.addressof(devices)
        if is_rehearsal:
            params.no_alloc = True
            params.load_mode = lib.LLAMA_LOAD_MODE_NONE  # it aborts on mapping without allocating
        callback = lib.llama_progress_callback(_progress(on_progress))
        params.progress_callback = callback
        take_errors()
        self.handle: Any = lib.llama_model_load_from_file(bytes(path), params)
        if not self.handle:
            said = take_errors()
            raise ModelLoadError(
                f"{path.name} cannot be loaded: {said or 'no reason given'}.",
                f"{path.name} ne peut pas être chargé : {said or 'sans raison donnée'}.",
            )
        self.vocab: Any = lib.llama_model_get_vocab(self.handle)
        self.num_tokens: int = lib.llama_vocab_n_tokens(self.vocab)
        self.n_ctx_train: int = lib.llama_model_n_ctx_train(self.handle)
        self.num_parameters: int = lib.llama_model_n_params(self.handle)
        self.size_bytes: int = lib.llama_model_size(self.handle)
        self._end_tokens = {
            token for token in range(self.num_tokens) if lib.llama_vocab_is_eog(self.vocab, token)
        }
        self._pieces: dict[int, bytes] = {}
        # llama.cpp frees them with the model.
        self._adapters = [(self._load_adapter(each), each.scale) for each in adapters]

    def apply_adapters(self, context: Any) -> None:
        """Have the adapters act in a context. Raises ModelLoadError."""
        handles, scales = zip(*self._adapters, strict=True) if self._adapters else ((), ())
        count = len(self._adapters)
        code = lib.llama_set_adapters_lora(
            context,
            (lib.llama_adapter_lora_p_ctypes * count)(*handles),
            count,
            (ctypes.c_float * count)(*scales),
        )
        if code != 0:
            said = take_errors() or code
            raise ModelLoadError(
                f"The adapters cannot be applied: {said}.",
                f"Les adaptateurs ne peuvent pas agir : {said}.",
            )

    def _load_adapter(self, adapter: Adapter) -> Any:
        take_errors()
        handle: Any = lib.llama_adapter_lora_init(self.handle, os.fsencode(adapter.path))
        if not handle:
            said = take_errors()
            self.close()
            name = Path(adapter.path).name
            raise ModelLoadError(
                f"The adapter {name} cannot be loaded: {said or 'no reason given'}. Use the "
                "model without it, or import the adapter again.",
                f"L’adaptateur {name} ne peut pas être chargé : {said or 'sans raison donnée'}. "
                "Utilisez le modèle sans lui, ou importez l’adaptateur de nouveau.",
            )
        return handle

    @property
    def has_plain_memory(self) -> bool:
        """Whether what a sequence remembers can be cut, and shared, at any token.

        It cannot with a sliding window or a recurrent state.
        """
        return not (
            lib.llama_model_n_swa(self.handle)
            or lib.llama_model_is_recurrent(self.handle)
            or lib.llama_model_is_hybrid(self.handle)
        )

    def close(self) -> None:
        lib.llama_model_free(self.handle)

    @property
    def name(self) -> str:
        return self.metadata("general.name") or self.description

    @property
    def description(self) -> str:
        """Architecture, size and quantisation in llama.cpp's words, "llama 8B Q4_K - Medium"."""
        buffer = ctypes.create_string_buffer(_TEXT_BYTES)
        lib.llama_model_desc(self.handle, buffer, _TEXT_BYTES)
        return buffer.value.decode("utf-8", "replace")

    @property
    def chat_template(self) -> str | None:
        template = lib.llama_model_chat_template(self.handle, None)
        return template.decode("utf-8", "replace") if template else None

    @property
    def bos_text(self) -> str:
        return self.token_text(lib.llama_vocab_bos(self.vocab))

    @property
    def eos_text(self) -> str:
        return self.token_text(lib.llama_vocab_eos(self.vocab))

    def metadata(self, key: str) -> str | None:
        """The value of a GGUF metadata key as text, None if it has none."""
        buffer = ctypes.create_string_buffer(_TEXT_BYTES)
        length = lib.llama_model_meta_val_str(self.handle, key.encode(), buffer, _TEXT_BYTES)
        return None if length < 0 else buffer.value.decode("utf-8", "replace")

    def tokenize(self, text: str, *, add_special: bool) -> list[int]:
        """Tokens of ``text``. Raises InvalidRequestError for text that is not valid Unicode."""
        try:
            data = text.encode("utf-8")
        except UnicodeEncodeError as error:  # lone surrogates, which JSON's \\ud800 can spell
            raise InvalidRequestError(
                "The text holds half of a surrogate pair, which is no character. Send valid UTF-8."
            ) from error
        # One byte gives at most one token, plus the special ones at both ends.
        capacity = len(data) + 8
        tokens: Any = (lib.llama_token * capacity)()
        count = lib.llama_tokenize(self.vocab, data, len(data), tokens, capacity, add_special, True)
        if count < 0:
            raise InvalidRequestError("The text cannot be turned into tokens by this model.")
        return list(tokens[:count])

    def piece(self, token: int) -> bytes:
        cached = self._pieces.get(token)
        if cached is None:
            cached = self._pieces[token] = self._read_piece(token, special=False)
        return cached

    def is_end(self, token: int) -> bool:
        return token in self._end_tokens

    def token_text(self, token: int) -> str:
        """The token as it is written out, control tokens too; empty for one that is none."""
        known = 0 <= token < self.num_tokens  # LLAMA_TOKEN_NULL is -1
        return self._read_piece(token, special=True).decode("utf-8", "replace") if known else ""

    def _read_piece(self, token: int, *, special: bool) -> bytes:
        size = _PIECE_BYTES
        while True:
            buffer = ctypes.create_string_buffer(size)
            length = lib.llama_token_to_piece(self.vocab, token, buffer, size, 0, special)
            if length >= 0:
                return buffer.raw[:length]
            size = -length


def _device_list(name: str) -> Any:
    """What llama_model_params.devices points to: handles that end with NULL, none for the CPU."""
    libllama.ggml_backend_dev_by_name.restype = ctypes.c_void_p
    libllama.ggml_backend_dev_type.argtypes = [ctypes.c_void_p]
    handle = libllama.ggml_backend_dev_by_name(name.encode())
    if not handle:
        raise ModelLoadError(
            f"llama.cpp no longer sees the device {name}, on which this model was to run. Start "
            "the box again, so that it looks anew.",
            f"llama.cpp ne voit plus le composant {name}, sur lequel ce modèle devait tourner. "
            "Redémarrez le boîtier, pour qu’il cherche de nouveau.",
        )
    is_cpu = libllama.ggml_backend_dev_type(handle) == _CPU_TYPE
    handles = [] if is_cpu else [handle]
    return (ctypes.c_void_p * (len(handles) + 1))(*handles, None)


def _progress(on_progress: Callable[[float], None]) -> Callable[[float, object], bool]:
    def receive(fraction: float, _user_data: object) -> bool:
        on_progress(fraction)
        return _KEEP_LOADING

    return receive
