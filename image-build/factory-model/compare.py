# SPDX-License-Identifier: Apache-2.0
"""Compare the logits of the GGUF under llama.cpp with those of the checkpoint under PyTorch."""

import argparse
from pathlib import Path

import numpy as np
import torch
from factory_model.chat import ASSISTANT, END, USER
from factory_model.tokenizer import load_tokenizer
from factory_model.train import load_checkpoint
from llama_cpp import Llama

_HERE = Path(__file__).resolve().parent
_GGUF = _HERE.parents[1] / "daemon" / "atre" / "models" / "factory.gguf"
_QUESTIONS = (
    "Comment connecter mon téléphone à la box ?",
    "How do I create an API key?",
    "Combien font 1234 x 5,6 ?",
    "ça y est, l’été « déjà » : 100 % à Âtre 🙂",
)


def main() -> None:
    """Print, for each question, whether tokens and arg-max agree and the largest difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=_GGUF)
    parser.add_argument("--work", type=Path, default=_HERE / "build")
    options = parser.parse_args()
    tokenizer = load_tokenizer(options.work / "tokenizer.json")
    reference = load_checkpoint(options.work / "checkpoint.pt")
    model = Llama(str(options.model), n_ctx=1024, logits_all=True, verbose=False)
    for question in _QUESTIONS:
        prompt = f"{USER}{question}{END}{ASSISTANT}"
        tokens = model.tokenize(prompt.encode(), add_bos=False, special=True)
        with torch.no_grad():
            expected = reference(torch.tensor([tokens]))[0].numpy()
        model.reset()
        model.eval(tokens)
        found = model.scores[: len(tokens)]
        print(
            f"same tokens {tokens == tokenizer.encode(prompt).ids}"
            f"  same arg-max {np.mean(found.argmax(1) == expected.argmax(1)):.0%}"
            f"  largest difference {np.abs(found - expected).max():.3f}  {question}"
        )


if __name__ == "__main__":
    main()
