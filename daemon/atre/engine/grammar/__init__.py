# SPDX-License-Identifier: Apache-2.0
"""From JSON schemas to llama.cpp's grammar notation (GBNF); pure."""
