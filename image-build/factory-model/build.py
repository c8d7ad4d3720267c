# SPDX-License-Identifier: Apache-2.0
"""Rebuild the factory model: corpus, tokenizer, training, GGUF. One command, every draw seeded."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from random import Random

from factory_model.batches import encode
from factory_model.conversations import EARLY, Conversation, conversations
from factory_model.export import MAX_BYTES, export
from factory_model.finding import train_finder
from factory_model.phrasebook import load
from factory_model.tokenizer import load_tokenizer, train_tokenizer
from factory_model.train import PEAK_RATE, load_checkpoint, new_model, train
from tokenizers import Tokenizer

from atre.handbook.finder import FILE

_HERE = Path(__file__).resolve().parent
_GGUF = _HERE.parent.parent / "daemon" / "atre" / "models" / "factory.gguf"
_TOKENIZER_CONVERSATIONS = 20_000


def main() -> None:
    """Parse the command line and run the steps."""
    options = _parse()
    options.work.mkdir(parents=True, exist_ok=True)
    if not (options.export_only or options.resume):
        train_finder(load(), options.finder, options.seed)
        print(f"wrote {options.finder.name}, {options.finder.stat().st_size} bytes", flush=True)
    if options.finder_only:
        return
    tokenizer_path = options.work / "tokenizer.json"
    checkpoint = options.work / "checkpoint.pt"
    if not options.export_only:
        _train(options, tokenizer_path, checkpoint)
    export(load_checkpoint(checkpoint), load_tokenizer(tokenizer_path), options.output)
    num_bytes = options.output.stat().st_size
    if num_bytes > MAX_BYTES:
        raise SystemExit(f"the model has {num_bytes} bytes, at most {MAX_BYTES}: make it smaller")
    print(f"wrote {options.output.name}, {num_bytes} bytes")


def _train(options: argparse.Namespace, tokenizer_path: Path, checkpoint: Path) -> None:
    early = 0.0 if options.resume else EARLY
    made = list(conversations(load(), options.conversations, options.seed, early=early))
    if options.resume:
        tokenizer = load_tokenizer(tokenizer_path)
        model = load_checkpoint(checkpoint, seed=options.seed)
    else:
        tokenizer = _new_tokenizer(made, tokenizer_path)
        model = new_model(options.seed)
    rng = Random(options.seed)  # noqa: S311 (reproducible draws, no secret)
    examples = [encode(tokenizer, conversation, rng) for conversation in made]
    num_tokens = sum(len(example.tokens) for example in examples)
    print(f"{len(examples)} conversations, {num_tokens} tokens", flush=True)
    train(
        model,
        examples,
        checkpoint,
        threads=options.threads,
        seed=options.seed,
        budget_s=options.minutes * 60,
        peak_rate=PEAK_RATE * options.rate,
    )


def _new_tokenizer(made: Sequence[Conversation], path: Path) -> Tokenizer:
    texts = (
        text
        for conversation in made[:_TOKENIZER_CONVERSATIONS]
        for turn in conversation.turns
        for text in (turn.lead, turn.question, turn.answer)
    )
    tokenizer = train_tokenizer(texts)
    tokenizer.save(str(path))
    return tokenizer


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conversations", type=int, default=110_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=60, help="the longest training")
    parser.add_argument("--rate", type=float, default=1.0, help="share of the learning rate")
    parser.add_argument("--resume", action="store_true", help="train the last checkpoint further")
    parser.add_argument("--work", type=Path, default=_HERE / "build", help="intermediate files")
    parser.add_argument("--output", type=Path, default=_GGUF, help="the GGUF to write")
    parser.add_argument("--finder", type=Path, default=FILE, help="the search's file to write")
    parser.add_argument("--finder-only", action="store_true", help="train the search alone")
    parser.add_argument(
        "--export-only", action="store_true", help="export the last checkpoint, train nothing"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
