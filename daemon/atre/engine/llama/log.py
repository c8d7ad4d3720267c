# SPDX-License-Identifier: Apache-2.0
import logging
from collections import deque

from llama_cpp import llama_cpp as lib

_log = logging.getLogger("llama.cpp")
_LEVELS = {2: logging.DEBUG, 3: logging.INFO, 4: logging.ERROR}  # ggml.h, one level lower
_NUM_KEPT_ERRORS = 4

_errors: deque[str] = deque(maxlen=_NUM_KEPT_ERRORS)


@lib.llama_log_callback  # type: ignore[untyped-decorator]
def _receive(level: int, text: bytes, _user_data: object) -> None:
    line = text.decode("utf-8", "replace").strip()
    if not line:
        return
    python_level = _LEVELS.get(level, logging.DEBUG)
    if python_level >= logging.ERROR:
        _errors.append(line)
    _log.log(python_level, line)


def redirect_log() -> None:
    """Send what llama.cpp prints to Python's logging; it says much, so one level lower."""
    lib.llama_log_set(_receive, lib.ctypes.c_void_p(0))


def take_errors() -> str:
    """The last errors that llama.cpp reported, and forget them."""
    text = "; ".join(_errors)
    _errors.clear()
    return text
