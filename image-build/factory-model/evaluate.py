# SPDX-License-Identifier: Apache-2.0
"""Ask the GGUF every held-out question, greedily, and print the table of the README."""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from factory_model.evaluation import (
    FOLDER,
    Judgement,
    Question,
    Verdict,
    in_scope,
    judge,
    out_of_scope,
)
from factory_model.evaluation import share as share_of
from factory_model.phrasebook import LANGUAGES, Phrasebook, load
from llama_cpp import Llama

_GGUF = Path(__file__).resolve().parents[2] / "daemon" / "atre" / "models" / "factory.gguf"
_LONGEST_ANSWER_TOKENS = 300


def main() -> None:
    """Parse the command line, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=_GGUF)
    parser.add_argument("--questions", type=Path, default=FOLDER, help="folder of the questions")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--failures", action="store_true", help="print what was not right")
    options = parser.parse_args()
    model = Llama(str(options.model), n_ctx=1024, n_threads=options.threads, seed=1, verbose=False)
    folder = options.questions
    sets = {f"about the box, {language}": in_scope(language, folder) for language in LANGUAGES}
    sets |= {f"out of scope, {language}": out_of_scope(language, folder) for language in LANGUAGES}
    book = load()
    print("| set | right | refused | confidently wrong | broken | language right |")
    print("|---|---|---|---|---|---|")
    for name, questions in sets.items():
        judgements = _ask_all(model, questions, book)
        print(_row(f"{name} ({len(questions)})", judgements))
        if options.failures:
            _print_failures(judgements)
    print(_speed(model))


def _ask_all(model: Llama, questions: Sequence[Question], book: Phrasebook) -> list[Judgement]:
    return [judge(question, _ask(model, question.text)[0], book) for question in questions]


def _ask(model: Llama, text: str) -> tuple[str, int]:
    completion = model.create_chat_completion(
        [{"role": "user", "content": text}], temperature=0.0, max_tokens=_LONGEST_ANSWER_TOKENS
    )
    return (
        completion["choices"][0]["message"]["content"],
        completion["usage"]["completion_tokens"],
    )


def _row(name: str, judgements: Sequence[Judgement]) -> str:
    shares = [share_of(judgements, verdict) for verdict in Verdict]
    language = sum(item.is_language_right for item in judgements) / len(judgements)
    return "| " + " | ".join([name, *(f"{share:.0%}" for share in (*shares, language))]) + " |"


def _print_failures(judgements: Sequence[Judgement]) -> None:
    for item in judgements:
        if item.verdict is not Verdict.RIGHT or not item.is_language_right:
            expected = "|".join(sorted(item.question.expected))
            print(f"    {item.question.text}  expected {expected}, got {item.recognised}")


def _speed(model: Llama) -> str:
    started = time.monotonic()
    num_tokens = sum(_ask(model, "Explain everything about the box")[1] for _ in range(5))
    return f"generation: {num_tokens / (time.monotonic() - started):.0f} tokens/s, prompt included"


if __name__ == "__main__":
    main()
