# SPDX-License-Identifier: Apache-2.0
"""The parts of llama.cpp that drive devices, and how to leave some of them out.

In a portable build (GGML_BACKEND_DL) they are libraries of their own. Such a build computes on
nothing until it is told where they are, and it does not read the variables below: a part is kept
from starting by not showing its library.
Source: llama.cpp ggml/src/ggml-backend-reg.cpp; the CUDA and ROCm manuals.
"""

import ctypes
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec


class _Hiding(msgspec.Struct, frozen=True):
    """What keeps a part from loading its driver, and the file that it is in a portable build."""

    variable: str
    value: str
    library: str


# By the names under which llama.cpp registers them.
_HIDING = {
    "Vulkan": _Hiding("GGML_DISABLE_VULKAN", "1", "libggml-vulkan.so"),
    "CUDA": _Hiding("CUDA_VISIBLE_DEVICES", "-1", "libggml-cuda.so"),
    "ROCm": _Hiding("HIP_VISIBLE_DEVICES", "-1", "libggml-hip.so"),
}
HIDEABLE = tuple(_HIDING)
HIDING_VARIABLES = tuple(each.variable for each in _HIDING.values())


def hiding(backends: Iterable[str]) -> dict[str, str]:
    """The environment in which llama.cpp leaves these backends alone."""
    found = [_HIDING[backend] for backend in backends if backend in _HIDING]
    return {each.variable: each.value for each in found}


def load_backends(library: Any, folder: Path) -> None:
    """Load what ``folder`` holds into ``library`` , unless a part is hidden or built in.

    Of several libraries for the processor llama.cpp takes the best that runs here. The current
    directory, where it would look by itself, is never searched.
    """
    library.ggml_backend_reg_count.restype = ctypes.c_size_t
    library.ggml_backend_load_all_from_path.argtypes = [ctypes.c_char_p]
    if library.ggml_backend_reg_count():
        return
    hidden = [
        each.library for each in _HIDING.values() if os.environ.get(each.variable) == each.value
    ]
    if not any((folder / name).exists() for name in hidden):
        library.ggml_backend_load_all_from_path(bytes(folder))
        return
    with tempfile.TemporaryDirectory() as shown:
        for path in folder.glob("libggml-*.so"):
            if path.name not in hidden:
                (Path(shown) / path.name).symlink_to(path)
        library.ggml_backend_load_all_from_path(shown.encode())
