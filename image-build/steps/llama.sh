#!/usr/bin/env bash
# Build llama.cpp's Python package once for every machine of the image's kind: every variant for the
# processor and Vulkan as libraries of their own. Runs in the tools tree; needs /build/sources.
set -euo pipefail
export CMAKE_ARGS="-DGGML_NATIVE=OFF -DGGML_BACKEND_DL=ON -DGGML_CPU_ALL_VARIANTS=ON -DGGML_VULKAN=ON \
-DCMAKE_INSTALL_BINDIR=llama_cpp/lib -DLLAVA_BUILD=OFF"
exec python3 -m pip wheel --verbose --no-build-isolation --no-index --no-deps --no-cache-dir \
    --wheel-dir /build/wheels /build/sources/llama_cpp_python-*.tar.gz
