# SPDX-License-Identifier: Apache-2.0
"""Byte-level BPE, trained on the corpus itself."""

from collections.abc import Iterable
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from factory_model.chat import SPECIAL_TOKENS

VOCABULARY = 4096


def train_tokenizer(texts: Iterable[str]) -> Tokenizer:
    """A tokenizer of 4,096 tokens whose splits are those of llama.cpp's ``smollm``."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def load_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer written by an earlier step."""
    return Tokenizer.from_file(str(path))
