# SPDX-License-Identifier: Apache-2.0
"""Whether two schemas can match the same value: ``oneOf`` asks that exactly one does."""

import json
from itertools import combinations
from typing import Any

from atre.engine.grammar.keywords import TYPES
from atre.engine.grammar.pointer import resolve

Schema = dict[str, Any]

_MAX_HOPS = 32


def are_disjoint(one: object, other: object, root: object) -> bool:
    """True only if no value matches both; False where that is not seen."""
    first, second = _target(one, root), _target(other, root)
    if first is None or second is None:
        return False
    if not _kinds(first) & _kinds(second):
        return True
    values, others = _values(first), _values(second)
    if values is not None and others is not None:
        return not values & others
    return _differ_in_a_property(first, second, root)


def are_told_apart(schema: object, root: object) -> bool:
    """Whether the objects in a union each begin with a property whose constant is their own."""
    target = _target(schema, root) or {}
    parts = target.get("anyOf", target.get("oneOf"))
    if not isinstance(parts, list):
        return False
    found = [_target(part, root) for part in parts]
    objects = [part for part in found if part is not None and _kinds(part) == {"object"}]
    if len(objects) + sum(part is not None and "type" in part for part in found) < len(found):
        return False  # unions in unions are not looked into
    firsts = [_first_values(part, root) for part in objects]
    return None not in firsts and all(
        not one & other for one, other in combinations(filter(None, firsts), 2)
    )


def _first_values(schema: Schema, root: object) -> set[str] | None:
    names = _names(schema)
    first = next(iter(schema["properties"])) if names else None
    if first not in names:
        return None
    target = _target(schema["properties"][first], root)
    return _values(target) if target else None


def _differ_in_a_property(first: Schema, second: Schema, root: object) -> bool:
    """Both are objects that must have a property whose constants differ."""
    if _kinds(first) != {"object"} or _kinds(second) != {"object"}:
        return False
    for name in set(_names(first)) & set(_names(second)):
        one = _target(first["properties"].get(name), root)
        other = _target(second["properties"].get(name), root)
        if one is None or other is None:
            continue
        values, others = _values(one), _values(other)
        if values is not None and others is not None and not values & others:
            return True
    return False


def _names(schema: Schema) -> list[str]:
    required = schema.get("required")
    properties = schema.get("properties")
    if not isinstance(required, list) or not isinstance(properties, dict):
        return []
    return [name for name in required if isinstance(name, str) and name in properties]


def _target(schema: object, root: object) -> Schema | None:
    for _ in range(_MAX_HOPS):
        if not isinstance(schema, dict):
            return None
        if "$ref" not in schema:
            return schema
        pointer = schema["$ref"]
        schema = resolve(root, pointer) if isinstance(pointer, str) else None
    return None


def _kinds(schema: Schema) -> set[str]:
    """JSON types that may match, with number for integer."""
    values = _constants(schema)
    if values is not None:
        found = {kind for kind, matches in TYPES.items() for value in values if matches(value)}
    else:
        named = schema.get("type", list(TYPES))
        found = {
            kind
            for kind in (named if isinstance(named, list) else [named])
            if isinstance(kind, str)
        }
    return {"number" if kind == "integer" else kind for kind in found}


def _values(schema: Schema) -> set[str] | None:
    """The constants as texts, with 1.0 as 1; None where there are lists or objects among them."""
    values = _constants(schema)
    if values is None or any(isinstance(value, list | dict) for value in values):
        return None
    return {json.dumps(int(v) if isinstance(v, float) and v.is_integer() else v) for v in values}


def _constants(schema: Schema) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    values = schema.get("enum")
    return values if isinstance(values, list) else None
