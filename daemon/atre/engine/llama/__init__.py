# SPDX-License-Identifier: Apache-2.0
"""The only part of the engine that touches llama.cpp, through its C API."""
