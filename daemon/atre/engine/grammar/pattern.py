# SPDX-License-Identifier: Apache-2.0
"""The regular expressions of a schema's ``pattern``, as GBNF for the inside of a JSON string.

Understood are literals, classes, groups, alternatives, quantifiers and anchors at the ends. Less
may be offered than the expression allows, never more: printable ASCII where a class excludes
characters, and an anchor holds for all alternatives beside it.
"""

import re

from atre.engine.grammar.grammar import literal
from atre.engine.grammar.rules import Rules

_MAX_CHARACTERS = 500
_MAX_DEPTH = 20
_ASCII = frozenset(map(chr, range(0x20, 0x7F)))
_DIGITS = frozenset("0123456789")
_WORD = _DIGITS | frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_CLASSES = {
    "d": _DIGITS,
    "D": _ASCII - _DIGITS,
    "w": _WORD,
    "W": _ASCII - _WORD,
    "s": frozenset(" "),
    "S": _ASCII - {" "},
}
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}
_SHORT_ESCAPES = {"\n": "n", "\r": "r", "\t": "t", "\f": "f", '"': '"', "\\": "\\"}
_QUANTIFIER = re.compile(r"([*+?]|\{(\d{1,4})(,(\d{0,4}))?\})([?+])?")
_MAX_PLACES = 500  # as many readings may be open at a time: a{0,9}a{0,9}


class PatternError(ValueError):
    """The expression has something that is not understood; the message says what."""


def pattern_rule(pattern: str, rules: Rules) -> str:
    """GBNF for a JSON string whose content matches. Raises PatternError."""
    if len(pattern) > _MAX_CHARACTERS:
        raise PatternError(f"it is longer than {_MAX_CHARACTERS} characters")
    from_start = pattern.startswith("^")
    to_end = pattern.endswith("$") and not pattern.endswith("\\$")
    body = pattern[from_start : len(pattern) - to_end]
    reader = _Reader(body, rules)
    inside = reader.alternatives(0)
    if reader.rest:
        raise PatternError(f"{reader.rest[0]!r} has no partner")
    before, after = (f"{rules.json('char')}* " * (not given) for given in (from_start, to_end))
    return rf'"\"" {before}({inside}) {after}"\""'


class _Reader:
    def __init__(self, text: str, rules: Rules) -> None:
        self.rest = text
        self._rules = rules
        self._num_places = 0  # in the expression with its counted repetitions written out

    def alternatives(self, depth: int) -> str:
        if depth > _MAX_DEPTH:
            raise PatternError("its groups are nested too deeply")
        branches = [self._sequence(depth)]
        while self._skip("|"):
            branches.append(self._sequence(depth))
        return " | ".join(branches)

    def _sequence(self, depth: int) -> str:
        items = []
        while self.rest and self.rest[0] not in "|)":
            num_before = self._num_places
            self._num_places += 1
            items.append(self._quantified(self._item(depth), num_before))
        return " ".join(items) or '""'

    def _item(self, depth: int) -> str:
        character = self._take()
        match character:
            case "(":
                return self._group(depth)
            case "[":
                return _choice(self._class())
            case ".":
                return _choice(_ASCII)
            case "\\":
                return _choice(self._escape())
            case "^" | "$" | "*" | "+" | "?" | "{":
                raise PatternError(f"{character!r} is not understood there")
            case _:
                return _choice({character})

    def _group(self, depth: int) -> str:
        if self.rest.startswith("?") and not self._skip("?:"):
            raise PatternError(f"'({self.rest[:3]}' is not understood")
        inside = self.alternatives(depth + 1)
        if not self._skip(")"):
            raise PatternError("a group is not closed")
        return self._rules.add(inside)

    def _class(self) -> frozenset[str]:
        negated = self._skip("^")
        members: set[str] = set()
        while not self._skip("]"):
            first = self._member()
            if self.rest.startswith("-") and not self.rest.startswith("-]") and len(first) == 1:
                self._take()
                members |= _between(first, self._member())
            else:
                members |= first
        chosen = _ASCII - members if negated else frozenset(members)
        if not chosen:
            raise PatternError("a class has no character")
        return chosen

    def _member(self) -> frozenset[str]:
        character = self._take()
        return self._escape() if character == "\\" else frozenset(character)

    def _escape(self) -> frozenset[str]:
        character = self._take()
        if character in _CLASSES:
            return _CLASSES[character]
        if character in _CONTROLS:
            return frozenset(_CONTROLS[character])
        if character.isalnum():
            raise PatternError(f"'\\{character}' is not understood")
        return frozenset(character)

    def _quantified(self, item: str, num_before: int) -> str:
        found = _QUANTIFIER.match(self.rest)
        if not found:
            return item
        self.rest = self.rest[found.end() :]
        sign, low, has_high, high, mode = found.groups()
        if mode or self.rest[:1] in ("*", "+", "?", "{"):
            raise PatternError("a quantifier after a quantifier is not understood")
        if sign in "*+?":
            return f"{item}{sign}"
        least = int(low)
        most = least if not has_high else int(high) if high else None
        times = max(1, least, most or 0)
        self._num_places = num_before + (self._num_places - num_before) * times
        if self._num_places > _MAX_PLACES:
            raise PatternError(f"it is longer than {_MAX_PLACES} characters when written out")
        if most is not None and most < least:
            raise PatternError(f"{sign} has its numbers in the wrong order")
        return self._rules.repeat(item, least, most)

    def _skip(self, prefix: str) -> bool:
        found = self.rest.startswith(prefix)
        self.rest = self.rest[len(prefix) * found :]
        return found

    def _take(self) -> str:
        if not self.rest:
            raise PatternError("it ends too early")
        character, self.rest = self.rest[0], self.rest[1:]
        return character


def _between(first: frozenset[str], last: frozenset[str]) -> frozenset[str]:
    if len(last) != 1:
        raise PatternError("a range needs a character at both ends")
    (low,), (high,) = first, last
    if low > high or not high.isascii():
        raise PatternError(f"the range {low}-{high} is not understood")
    return frozenset(map(chr, range(ord(low), ord(high) + 1)))


def _choice(characters: frozenset[str] | set[str]) -> str:
    """One of these characters as a JSON string spells it."""
    plain = sorted(c for c in characters if c >= " " and c not in '"\\')
    spelled = [literal("\\" + _SHORT_ESCAPES[c]) for c in characters if c in _SHORT_ESCAPES]
    options = sorted(spelled)
    if plain:
        options.insert(0, "[" + "".join(_in_class(c) for c in plain) + "]")
    if not options:
        raise PatternError("it asks for a control character")
    return options[0] if len(options) == 1 else "(" + " | ".join(options) + ")"


def _in_class(character: str) -> str:
    """Spelled by number where GBNF's classes give the character a meaning."""
    return f"\\x{ord(character):02X}" if character in "[]^-" else character
