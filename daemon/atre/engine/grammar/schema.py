# SPDX-License-Identifier: Apache-2.0
"""JSON Schema (2020-12) to GBNF.

Every answer under the grammar is valid; not every valid answer is offered: properties come in the
schema's order, and keys that it does not name only where ``additionalProperties`` asks for them.
"""

import json
from collections.abc import Callable, Iterable
from itertools import combinations, groupby

from atre.engine.grammar.alternatives import are_disjoint, are_told_apart
from atre.engine.grammar.ambiguity import MAX_READINGS, REFERENCE, Ambiguity, Facts
from atre.engine.grammar.grammar import Grammar, literal
from atre.engine.grammar.keys import any_key_but
from atre.engine.grammar.keywords import COMBINING, IMPLIED_TYPES, KEYWORDS, TYPES, is_harmless
from atre.engine.grammar.literals import one_of
from atre.engine.grammar.pointer import resolve
from atre.engine.grammar.report import Report
from atre.engine.grammar.rules import Rules
from atre.engine.grammar.scalars import Schema, bounds, integer_rule, number_rule, string_rule

_MAX_DEPTH = 64
_ABSENT = object()


def schema_grammar(schema: object, *, param: str, strict: bool = True) -> Grammar:
    """The grammar of the JSON texts that ``schema`` allows; ``param`` names it in errors.

    What a grammar cannot express is refused where ``strict``, else left out. Raises
    InvalidRequestError that names the keyword and its place.
    """
    rules = Rules(param)
    return rules.grammar(schema_rule(schema, rules, param=param, strict=strict))


def schema_rule(schema: object, rules: Rules, *, param: str, strict: bool = True) -> str:
    """The same as the name of a rule among others."""
    return _Converter(schema, rules, Report(param, strict)).rule(schema, "#")


class _Converter:
    def __init__(self, root: object, rules: Rules, report: Report) -> None:
        self._root = root
        self._rules = rules
        self._report = report
        self._done: dict[str, list[str]] = {}  # alternatives of each $ref
        self._open: dict[str, str] = {}  # rules of those that are being written
        self._unguarded: set[str] = set()  # those between which and here no bracket lies
        self._ambiguity = Ambiguity()
        self._depth = 0

    def rule(self, schema: object, path: str) -> str:
        """The name of one rule for the schema."""
        alternatives = self._alternatives(schema, path)
        name = alternatives[0]
        if len(alternatives) > 1:
            name = self._rules.add(_union(alternatives))
            self._ambiguity.record(name, self._facts(alternatives, schema, path))
        self._ambiguity.note(name)
        return name

    def _facts(self, alternatives: list[str], schema: object, path: str) -> Facts:
        """Facts of a union. Raises InvalidRequestError where too many readings stay open."""
        facts, alike = self._ambiguity.together(
            alternatives, told_apart=are_told_apart(schema, self._root)
        )
        if alike & self._open.keys():
            raise self._report.error(
                f"{path} has alternatives that begin alike and contain themselves. Give each a "
                "first property whose constant tells them apart."
            )
        self._check_readings(facts.readings, path)
        return facts

    def _check_readings(self, readings: int, path: str) -> None:
        if readings > MAX_READINGS:
            raise self._report.error(
                f"{path} leaves more than {MAX_READINGS} readings of an answer open at a time. Use "
                "fewer alternatives that begin alike, or fewer optional properties in a row."
            )

    def _alternatives(self, schema: object, path: str) -> list[str]:
        """Names of rules, one of which must match; flat, and each of them once.

        llama.cpp's search for left recursion would need exponential time for unions of unions.
        """
        if schema is True:
            schema = {}
        if not isinstance(schema, dict):
            raise self._report.error(f"{path} must be an object.")
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise self._report.error(f"{path} is nested deeper than {_MAX_DEPTH} levels.")
        found = self._of_schema(schema, path)
        self._depth -= 1
        return list(dict.fromkeys(found))

    def _of_schema(self, schema: Schema, path: str) -> list[str]:
        for keyword, value in schema.items():
            if keyword not in KEYWORDS and not is_harmless(keyword, value):
                self._report.cannot(keyword, path)
        for keyword in COMBINING:
            if keyword in schema:
                self._check_alone(schema, keyword, path)
                return self._combined(schema, keyword, path)
        for keyword in ("const", "enum"):
            if keyword in schema:
                self._check_alone(schema, keyword, path)
                return [self._constants(schema, keyword, path)]
        if not schema.keys() & KEYWORDS:
            return [self._rules.json(kind) for kind in TYPES if kind != "integer"]
        return [self._typed(kind, schema, path) for kind in self._types(schema, path)]

    def _check_alone(self, schema: Schema, keyword: str, path: str) -> None:
        """Beside one of these keywords nothing else may constrain, but a type beside constants."""
        allowed = {keyword} if keyword in COMBINING else {keyword, "type"}
        for other in sorted((schema.keys() & KEYWORDS) - allowed):
            self._report.cannot(other, path, f"beside {keyword!r}")

    def _combined(self, schema: Schema, keyword: str, path: str) -> list[str]:
        parts = schema[keyword]
        if keyword == "$ref":
            return self._referred(parts, path)
        if not isinstance(parts, list) or not parts:
            raise self._report.error(f"{keyword} at {path} must be a list of schemas.")
        if keyword == "allOf" and len(parts) > 1:
            self._report.cannot(keyword, path, "with more than one schema")
            parts = parts[:1]
        if keyword == "oneOf" and not all(
            are_disjoint(one, other, self._root) for one, other in combinations(parts, 2)
        ):
            self._report.cannot(keyword, path, "with schemas that may both match (use anyOf)")
        return [
            name
            for index, part in enumerate(parts)
            for name in self._alternatives(part, f"{path}/{keyword}/{index}")
        ]

    def _referred(self, pointer: object, path: str) -> list[str]:
        if not isinstance(pointer, str) or not pointer.startswith("#"):
            raise self._report.error(f"$ref at {path} must point into the schema: #/$defs/name.")
        if pointer in self._done:
            return self._done[pointer]
        if pointer in self._unguarded:
            raise self._report.error(f"$ref at {path} refers to itself with nothing between.")
        if pointer in self._open:
            return [self._open[pointer]]
        target = resolve(self._root, pointer)
        if target is None:
            raise self._report.error(f"$ref at {path} points to {pointer:.200}, which is missing.")
        self._open[pointer] = name = self._rules.reserve()
        self._ambiguity.record(name, Facts(REFERENCE, refers_to=frozenset({pointer})))
        self._unguarded.add(pointer)
        found = self._alternatives(target, pointer)
        self._facts(found, target, pointer)
        self._unguarded.discard(pointer)
        del self._open[pointer]
        self._rules.define(name, _union(found))
        self._done[pointer] = found
        return found

    def _constants(self, schema: Schema, keyword: str, path: str) -> str:
        values = [schema["const"]] if keyword == "const" else schema["enum"]
        if not isinstance(values, list):
            raise self._report.error(f"enum at {path} must be a list.")
        kinds = self._types(schema, path) if "type" in schema else list(TYPES)
        try:
            texts = dict.fromkeys(
                json.dumps(value, ensure_ascii=False, allow_nan=False)
                for value in values
                if any(TYPES[kind](value) for kind in kinds)
            )
        except ValueError as error:
            raise self._report.error(f"{keyword} at {path} has a number that is too large.") from (
                error
            )
        if not texts:
            raise self._report.error(f"{keyword} at {path} leaves no value.")
        return one_of(texts, self._rules)

    def _types(self, schema: Schema, path: str) -> list[str]:
        """The types that the schema names, else those that its keywords speak of."""
        named = schema.get("type", _ABSENT)
        if named is _ABSENT:
            return [kind for kind, words in IMPLIED_TYPES.items() if words & schema.keys()]
        kinds = named if isinstance(named, list) else [named]
        for kind in kinds:
            if not isinstance(kind, str) or kind not in TYPES:
                raise self._report.error(f"type at {path} is {kind!r:.100}, which is no JSON type.")
        if not kinds:
            raise self._report.error(f"type at {path} is empty.")
        return kinds

    def _typed(self, kind: str, schema: Schema, path: str) -> str:
        match kind:
            case "object":
                return self._guarded("{", self._object, schema, path)
            case "array":
                return self._guarded("[", self._array, schema, path)
            case "string":
                return string_rule(schema, path, self._rules, self._report)
            case "integer":
                return integer_rule(schema, path, self._rules, self._report)
            case "number":
                return number_rule(schema, path, self._rules, self._report)
            case _:
                return self._rules.json(kind)

    def _guarded(
        self, opening: str, convert: Callable[[Schema, str], str], schema: Schema, path: str
    ) -> str:
        """Between a reference outside and one inside a bracket is written."""
        unguarded, self._unguarded = self._unguarded, set()
        with self._ambiguity.collected() as parts:
            name = convert(schema, path)
        self._unguarded = unguarded
        facts = Facts(opening, parts.readings, frozenset(parts.refers_to))
        self._ambiguity.record(name, facts)
        return name

    def _object(self, schema: Schema, path: str) -> str:
        properties = schema.get("properties", {})
        if not isinstance(properties, dict):
            raise self._report.error(f"properties at {path} must be an object.")
        required = schema.get("required", [])
        if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
            raise self._report.error(f"required at {path} must be a list of names.")
        additional = schema.get("additionalProperties", _ABSENT)
        if additional is _ABSENT and not properties and not required:
            return self._rules.json("object")
        others = True if additional is _ABSENT else additional
        members = {name: properties.get(name, others) for name in [*properties, *required]}
        impossible = [name for name in required if members[name] is False]
        if impossible:
            raise self._report.error(
                f"required at {path} names {impossible[0]!r:.100}, which is not allowed."
            )
        return self._members(members, set(required), additional, path)

    def _members(self, members: Schema, required: set[str], additional: object, path: str) -> str:
        """Right to left: what may follow the first member, and what may follow ``{`` itself."""
        self._check_readings(_longest_run(members, required) + 1, path)
        rules = self._rules
        ws = rules.json("ws")
        later, first = f'{ws} "}}"', '"}"'
        if additional not in (False, _ABSENT):
            value = self.rule(additional, f"{path}/additionalProperties")
            more = rules.add(f'{any_key_but(members, rules)} ":" {ws} {value}')
            later = f'("," {ws} {more})* {ws} "}}"'
            first = f'{more} {rules.add(later)} | "}}"'
        for name, schema in reversed(members.items()):
            if schema is False:
                continue
            value = self.rule(schema, f"{path}/properties/{name}")
            key = literal(json.dumps(name, ensure_ascii=False))
            member = rules.add(f'{key} ":" {ws} {value}')
            then, without = rules.add(later), rules.add(first)
            later, first = f'"," {ws} {member} {then}', f"{member} {then}"
            if name not in required:
                later, first = f"{later} | {then}", f"{first} | {without}"
        return rules.add(f'"{{" {ws} ({first})')

    def _array(self, schema: Schema, path: str) -> str:
        prefix = schema.get("prefixItems", [])
        if not isinstance(prefix, list):
            raise self._report.error(f"prefixItems at {path} must be a list of schemas.")
        low, high = bounds(schema, "minItems", "maxItems", path, self._report)
        firsts = [
            self.rule(item, f"{path}/prefixItems/{index}")
            for index, item in enumerate(prefix[:high])
        ]
        others = schema.get("items", low > len(firsts) or "prefixItems" not in schema)
        if others is False or high == len(firsts):
            if low > len(firsts):
                raise self._report.error(f"minItems at {path} is more than items allows.")
            return self._list(firsts, "")
        item = self.rule(others, f"{path}/items")
        num_first = max(1, len(firsts))
        more = self._rules.repeat(
            self._rules.add(f'"," {self._rules.json("ws")} {item}'),
            max(0, low - num_first),
            None if high is None else high - num_first,
        )
        return self._list(firsts or [item], more, may_be_empty=low == 0 and not firsts)

    def _list(self, firsts: list[str], more: str, *, may_be_empty: bool = False) -> str:
        ws = self._rules.json("ws")
        items = f' "," {ws} '.join(firsts)
        body = f"{items} {more} {ws}" if items else ""
        return self._rules.add(
            f'"[" {ws} ({body})? "]"' if may_be_empty else f'"[" {ws} {body} "]"'
        )


def _longest_run(members: Iterable[str], required: set[str]) -> int:
    """How many optional members follow one another at most."""
    runs = groupby(members, key=required.__contains__)
    return max((len(list(run)) for is_required, run in runs if not is_required), default=0)


def _union(alternatives: Iterable[str]) -> str:
    return " | ".join(alternatives)
