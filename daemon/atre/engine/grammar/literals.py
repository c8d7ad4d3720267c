# SPDX-License-Identifier: Apache-2.0
from collections.abc import Iterable, Sequence
from itertools import groupby, takewhile

from atre.engine.grammar.grammar import literal
from atre.engine.grammar.rules import Rules


def one_of(texts: Iterable[str], rules: Rules) -> str:
    """The rule for one of these texts; what they begin with alike is written once."""
    return rules.add(_branches(sorted(set(texts)), rules))


def _branches(texts: Sequence[str], rules: Rules) -> str:
    alternatives = []
    for _, group in groupby(texts, key=lambda text: text[:1]):
        members = list(group)
        start = _common_start(members[0], members[-1])
        rests = [text[len(start) :] for text in members]
        if len(rests) == 1 or not start:
            alternatives.append(literal(start))
        else:
            alternatives.append(f"{literal(start)} {rules.add(_branches(rests, rules))}")
    return " | ".join(alternatives)


def _common_start(first: str, last: str) -> str:
    """Of sorted texts the first and the last one differ soonest."""
    pairs = takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    return "".join(character for character, _ in pairs)
