# SPDX-License-Identifier: Apache-2.0
"""The factory model of Âtre: corpus, tokenizer, training, export and evaluation."""
