# SPDX-License-Identifier: Apache-2.0
"""Templates of questions: ``(a|b|)`` is a choice, ``{name}`` a slot; slots may hold choices."""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from random import Random

_CHOICE = re.compile(r"\(([^()]*)\)")
_SLOT = re.compile(r"\{(\w+)\}")
# Not \s: the no-break spaces of French must survive.
_SPACES = re.compile(r" {2,}")


def sample(template: str, slots: Mapping[str, Sequence[str]], rng: Random) -> str:
    """One sentence of the template, every choice and slot drawn from ``rng``.

    Raises KeyError for a slot without values.
    """
    filled = _SLOT.sub(lambda match: rng.choice(slots[match[1]]), template)
    chosen = _CHOICE.sub(lambda match: rng.choice(match[1].split("|")), filled)
    return _tidy(chosen)


def variants(template: str) -> Iterator[str]:
    """Every combination of the choices of a template; slots stay as they are."""
    parts = _CHOICE.split(template)
    options = [part.split("|") if index % 2 else [part] for index, part in enumerate(parts)]
    for combination in itertools.product(*options):
        yield _tidy("".join(combination))


def slot_names(template: str) -> list[str]:
    """Names of the slots a template uses, in order."""
    return _SLOT.findall(template)


def _tidy(text: str) -> str:
    return _SPACES.sub(" ", text).strip(" ")
