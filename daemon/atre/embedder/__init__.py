# SPDX-License-Identifier: Apache-2.0
"""Texts to vectors, in a process of its own: a long job there delays no chat."""
