# SPDX-License-Identifier: Apache-2.0
"""The keywords of JSON Schema that a grammar can express, and those that constrain nothing."""

import json
from collections.abc import Callable
from typing import Any

_ANNOTATIONS = frozenset(
    {
        "$anchor", "$comment", "$defs", "$id", "$schema", "default", "definitions", "deprecated",
        "description", "discriminator", "example", "examples", "readOnly", "strict", "title",
        "writeOnly",
    }
)  # fmt: skip
COMBINING = ("$ref", "anyOf", "oneOf", "allOf")
IMPLIED_TYPES = {
    "object": frozenset({"properties", "required", "additionalProperties"}),
    "array": frozenset({"items", "prefixItems", "minItems", "maxItems"}),
    "string": frozenset({"minLength", "maxLength", "pattern", "format"}),
    "number": frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}),
}
KEYWORDS = frozenset({"type", "enum", "const", *COMBINING}).union(*IMPLIED_TYPES.values())
# Keywords that are not among those, with the values with which they allow everything.
_ALLOWING_ALL = {
    "uniqueItems": "false",
    "minProperties": "0",
    "patternProperties": "{}",
    "propertyNames": "{}",
    "dependentRequired": "{}",
    "dependentSchemas": "{}",
}
TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: (
        not isinstance(value, bool) and isinstance(value, int | float) and value == value // 1
    ),
    "number": lambda value: not isinstance(value, bool) and isinstance(value, int | float),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
}

# The 29th of February is not offered, since it depends on the year; nor is the year 0.
_DATE = (
    "[12] [0-9]{3} "
    '("-0" [13578] "-" _31 | "-1" [02] "-" _31 | "-0" [469] "-" _30 | "-11-" _30 | "-02-" _28)'
)
_DAYS = {
    "_31": '("0" [1-9] | [12] [0-9] | "3" [01])',
    "_30": '("0" [1-9] | [12] [0-9] | "30")',
    "_28": '("0" [1-9] | "1" [0-9] | "2" [0-8])',
}
for _name, _days in _DAYS.items():
    _DATE = _DATE.replace(_name, _days)
_HOUR_MINUTE = '([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9]'
_TIME = f'{_HOUR_MINUTE} ":" [0-5] [0-9] ("." [0-9]{{1,6}})? ("Z" | [+-] {_HOUR_MINUTE})'
_HEX = "[0-9a-f]"
_UUID = ' "-" '.join(f"{_HEX}{{{count}}}" for count in (8, 4, 4, 4, 12))
_BYTE = '("25" [0-5] | "2" [0-4] [0-9] | "1" [0-9] [0-9] | [1-9]? [0-9])'
_BODIES = {
    "date": _DATE,
    "time": _TIME,
    "date-time": f'{_DATE} "T" {_TIME}',
    "uuid": _UUID,
    "ipv4": ' "." '.join([_BYTE] * 4),
}
FORMATS = {name: rf'"\"" {body} "\""' for name, body in _BODIES.items()}


def is_harmless(keyword: str, value: object) -> bool:
    """Whether a keyword that no grammar expresses may be passed over."""
    return keyword in _ANNOTATIONS or json.dumps(value) == _ALLOWING_ALL.get(keyword)
