# SPDX-License-Identifier: Apache-2.0
"""Ask a box every held-out question, through search, model and doubt, and print the tables."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from factory_model.box import Asker, running_box
from factory_model.evaluation import (
    FOLDER,
    Judgement,
    Question,
    Verdict,
    by_content,
    by_intent,
    judge,
    out_of_scope,
    share,
    small_talk,
)
from factory_model.phrasebook import LANGUAGES, Phrasebook, load

_GGUF = Path(__file__).resolve().parents[2] / "daemon" / "atre" / "models" / "factory.gguf"
_NUM_SPEEDS = 9

Sets = Mapping[str, Sequence[Question]]


def main() -> None:
    """Parse the command line, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=_GGUF, help="a file named factory.gguf")
    parser.add_argument("--development", action="store_true", help="ask what thresholds are set by")
    parser.add_argument("--failures", action="store_true", help="print what was not right")
    options = parser.parse_args()
    book = load()
    sets = _development(book) if options.development else _held_out(book)
    with running_box(options.model.resolve()) as asker:
        print("| set | right | did you mean | refused | confidently wrong | language right |")
        print("|---|---|---|---|---|---|")
        for name, questions in sets.items():
            judgements = [judge(each, asker.ask(each.text), book) for each in questions]
            print(_row(f"{name} ({len(questions)})", judgements), flush=True)
            if options.failures:
                _print_failures(judgements)
        print(f"\ngeneration: {_speed(asker):.0f} tokens/s, search and prompt included")


def _held_out(book: Phrasebook) -> Sets:
    second, third = FOLDER / "second", FOLDER / "third"
    sets: dict[str, Sequence[Question]] = {}
    for language in LANGUAGES:
        sets |= {
            f"third, about the box, {language}": by_content(language, third),
            f"third, small talk, {language}": small_talk(language, third),
            f"third, out of scope, {language}": out_of_scope(language, third),
        }
    for name, folder in {"second": second, "first": FOLDER}.items():
        for language in LANGUAGES:
            sets[f"{name}, about the box, {language}"] = by_intent(language, book, folder)
            sets[f"{name}, out of scope, {language}"] = out_of_scope(language, folder)
    return sets


def _development(book: Phrasebook) -> Sets:
    return {
        f"development, {language}": [
            Question(
                text=text,
                language=language,
                topics=book.kin[intent.name],
                pages=frozenset(book.intent(name).page for name in book.kin[intent.name]) - {""},
            )
            for intent in book.intents
            if not intent.is_refusal
            for text in intent.wordings[language].development
        ]
        for language in LANGUAGES
    }


def _row(name: str, judgements: Sequence[Judgement]) -> str:
    shares = [share(judgements, verdict) for verdict in Verdict]
    language = sum(item.is_language_right for item in judgements) / len(judgements)
    return "| " + " | ".join([name, *(f"{each:.0%}" for each in (*shares, language))]) + " |"


def _print_failures(judgements: Sequence[Judgement]) -> None:
    for item in judgements:
        if item.verdict not in (Verdict.RIGHT, Verdict.REFUSED) or not item.is_language_right:
            print(f"    {item.verdict.name} {item.question.text!r} -> {item.reply.text!r}")


def _speed(asker: Asker) -> float:
    return median(
        asker.tokens_per_s("explain everything about the box") for _ in range(_NUM_SPEEDS)
    )


if __name__ == "__main__":
    main()
