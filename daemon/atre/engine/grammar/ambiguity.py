# SPDX-License-Identifier: Apache-2.0
"""How many readings of an answer llama.cpp may have to follow at the same time.

It tries each token against every reading, and alternatives that begin alike multiply with each
level of nesting: a small schema could hold everybody up for seconds a token.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

MAX_READINGS = 128
REFERENCE = "$ref"  # the opening of a rule that is not finished, so it is not known yet
_OPENINGS = {"object": "{", "array": "[", "string": '"'}


@dataclass(frozen=True, slots=True)
class Facts:
    """Of a rule: how its text begins, its readings, and the unfinished references in it."""

    opening: str
    readings: int = 1
    refers_to: frozenset[str] = frozenset()


@dataclass(slots=True)
class Parts:
    """What is known of the parts of a rule that is being written."""

    readings: int = 1
    refers_to: set[str] = field(default_factory=set)


class Ambiguity:
    """Facts of rules, gathered from their parts while these are written."""

    def __init__(self) -> None:
        self._facts: dict[str, Facts] = {}
        self._stack = [Parts()]

    @contextmanager
    def collected(self) -> Iterator[Parts]:
        """What is noted inside belongs to one rule."""
        self._stack.append(Parts())
        yield self._stack[-1]
        self._stack.pop()

    def note(self, name: str) -> None:
        """The rule is part of the one that is being written."""
        facts = self.facts(name)
        parts = self._stack[-1]
        parts.readings = max(parts.readings, facts.readings)
        parts.refers_to |= facts.refers_to

    def record(self, name: str, facts: Facts) -> None:
        self._facts[name] = facts

    def facts(self, name: str) -> Facts:
        """JSON's own rules, and those without parts, have one reading."""
        return self._facts.get(name, Facts(_OPENINGS.get(name, name)))

    def together(self, names: Iterable[str], *, told_apart: bool) -> tuple[Facts, frozenset[str]]:
        """Facts of a union, and the references in those of its members that begin alike.

        Objects that are ``told_apart`` by their first member do not add up.
        """
        groups = self._by_opening(names)
        readings = 1
        refers_to: frozenset[str] = frozenset()
        inside: frozenset[str] = frozenset()
        for opening, group in groups.items():
            refers = frozenset().union(*(facts.refers_to for facts in group))
            refers_to |= refers
            counts = [facts.readings for facts in group]
            if opening == "{" and told_apart:
                readings = max(readings, *counts)
            else:
                readings = max(readings, sum(counts))
                inside |= refers if len(group) > 1 else frozenset()
        return Facts(
            next(iter(groups)) if len(groups) == 1 else "union", readings, refers_to
        ), inside

    def _by_opening(self, names: Iterable[str]) -> dict[str, list[Facts]]:
        groups: dict[str, list[Facts]] = {}
        for name in names:
            facts = self.facts(name)
            groups.setdefault(facts.opening, []).append(facts)
        unknown = groups.pop(REFERENCE, [])
        for opening in ("{", "[") if unknown else ():
            groups.setdefault(opening, []).extend(unknown)
        return groups
