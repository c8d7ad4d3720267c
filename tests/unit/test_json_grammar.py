# SPDX-License-Identifier: Apache-2.0
"""Which schemas a grammar expresses, and how the others are refused.

That answers under a grammar satisfy its schema is shown in tests/contract with llama.cpp itself.
"""

import json
from typing import Any

import pytest

from atre.engine.answer_grammar import answer_grammar
from atre.engine.formats.family import Format
from atre.engine.grammar.numbers import integers
from atre.engine.grammar.schema import schema_grammar
from atre.errors import InvalidRequestError
from atre.ipc.messages import Generate

OBJECT = {"type": "object"}


def refusal(schema: object) -> str:
    with pytest.raises(InvalidRequestError) as caught:
        schema_grammar(schema, param="response_format")
    assert caught.value.param == "response_format"
    return caught.value.message


@pytest.mark.parametrize(
    ("schema", "keyword", "path"),
    [
        ({"type": "string", "format": "uri"}, "format", "#"),
        ({"type": "string", "pattern": "(?=a)b"}, "pattern", "#"),
        ({"type": "string", "pattern": "^a", "maxLength": 3}, "maxLength", "#"),
        ({"type": "string", "maxLength": 5000}, "maxLength", "#"),
        ({"type": "number", "maximum": 3}, "maximum", "#"),
        ({"type": "number", "minimum": 1}, "minimum", "#"),
        ({"type": "integer", "multipleOf": 5}, "multipleOf", "#"),
        ({"type": "array", "uniqueItems": True}, "uniqueItems", "#"),
        ({"type": "array", "contains": {}}, "contains", "#"),
        ({"not": {}}, "not", "#"),
        ({"if": {}, "then": {}}, "if", "#"),
        ({"type": "object", "minProperties": 1}, "minProperties", "#"),
        ({"type": "object", "maxProperties": 0}, "maxProperties", "#"),
        ({"type": "object", "patternProperties": {"a": {}}}, "patternProperties", "#"),
        ({"allOf": [OBJECT, OBJECT]}, "allOf", "#"),
        ({"anyOf": [OBJECT], "type": "object"}, "type", "#"),
        ({"anyOf": [OBJECT], "required": ["a"]}, "required", "#"),
        ({"$ref": "#/$defs/a", "minLength": 1, "$defs": {"a": {}}}, "minLength", "#"),
        ({"enum": ["a"], "minLength": 1}, "minLength", "#"),
        ({"properties": {"a": {"items": {"x-vendor": 1}}}}, "x-vendor", "#/properties/a/items"),
        ({"anyOf": [{}, {"type": "string", "format": "x"}]}, "format", "#/anyOf/1"),
        ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, "oneOf", "#"),
        ({"oneOf": [OBJECT, OBJECT]}, "oneOf", "#"),
        ({"oneOf": [{"const": 1}, {"const": 1.0}]}, "oneOf", "#"),
        ({"oneOf": [{"enum": [[1]]}, {"enum": [[1.0]]}]}, "oneOf", "#"),
    ],
)
def test_what_cannot_be_enforced_is_refused_by_keyword_and_place(
    schema: object, keyword: str, path: str
) -> None:
    assert f"the keyword '{keyword}' at {path} " in refusal(schema)


def test_what_cannot_be_enforced_is_left_out_where_that_is_enough() -> None:
    schema = {"type": "string", "format": "uri", "x-vendor": 1}
    loose = schema_grammar(schema, param="tools", strict=False)
    assert loose == schema_grammar({"type": "string"}, param="tools")


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ([], "# must be an object"),
        ("a", "# must be an object"),
        ({"type": "strng"}, "type at # is 'strng'"),
        ({"type": []}, "type at # is empty"),
        ({"type": [["string"]]}, "type at #"),
        ({"properties": []}, "properties at #"),
        ({"properties": {"a": 1}}, "#/properties/a must be an object"),
        ({"properties": {}, "required": "a"}, "required at #"),
        ({"properties": {}, "required": [1]}, "required at #"),
        ({"required": ["a"], "additionalProperties": False}, "required at # names 'a'"),
        ({"properties": {"a": False}, "required": ["a"]}, "required at # names 'a'"),
        ({"items": [{}]}, "#/items must be an object"),
        ({"prefixItems": {}}, "prefixItems at #"),
        ({"items": False, "minItems": 1}, "minItems at #"),
        ({"minItems": 2, "maxItems": 1}, "maxItems at # is less"),
        ({"type": "array", "minItems": -1}, "minItems at # must be"),
        ({"type": "array", "minItems": True}, "minItems at # must be"),
        ({"type": "array", "minItems": 1.5}, "minItems at # must be"),
        ({"type": "integer", "minimum": "1"}, "minimum at # must be a number"),
        ({"type": "integer", "minimum": 1e999}, "minimum at # must be a number"),
        ({"type": "integer", "minimum": True}, "minimum at # must be a number"),
        ({"type": "integer", "minimum": 3, "maximum": 2}, "leave no integer"),
        ({"type": "integer", "minimum": 10**400}, "leave no integer"),
        ({"type": "integer", "exclusiveMinimum": 1, "exclusiveMaximum": 2}, "leave no integer"),
        ({"enum": []}, "enum at # leaves no value"),
        ({"enum": "a"}, "enum at # must be a list"),
        ({"enum": ["a"], "type": "integer"}, "enum at # leaves no value"),
        ({"const": 1e999}, "const at # has a number that is too large"),
        ({"anyOf": []}, "anyOf at #"),
        ({"$ref": 1}, "$ref at #"),
        ({"$ref": "http://example.org/schema"}, "$ref at #"),
        ({"$ref": "#/$defs/nowhere"}, "which is missing"),
        ({"$ref": "#"}, "refers to itself"),
        ({"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"}, "itself"),
        ({"type": "string", "pattern": 1}, "pattern at #"),
    ],
)
def test_a_schema_that_is_no_schema_is_told_what_is_wrong(schema: object, words: str) -> None:
    assert words in refusal(schema)


@pytest.mark.parametrize(
    "pattern",
    [
        "(?=a)", "(?P<n>a)", r"\1", r"\bword\b", r"\p{L}", "a*?", "a++", "(a", "a)", "[a", "[]",
        "[z-a]", "*a", "a{3,1}", "a{501}", "(a{0,50}){0,50}", "a^b", "a$b", "\\",
        "x" * 501, "(" * 30, "\x01",
    ],
)  # fmt: skip
def test_a_pattern_outside_the_subset_is_refused(pattern: str) -> None:
    assert "the keyword 'pattern' at # (" in refusal({"type": "string", "pattern": pattern})


def test_hostile_sizes_are_refused_before_llama_cpp_sees_them() -> None:
    deep: Any = {}
    for _ in range(200):
        deep = {"items": deep}
    assert "nested deeper" in refusal(deep)
    wide = {"properties": {f"p{index}": {"type": "string"} for index in range(3000)}}
    wide["required"] = list(wide["properties"])  # type: ignore[assignment]
    assert "too large" in refusal(wide)
    assert "too large" in refusal({"enum": [str(index) * 300 for index in range(100, 500)]})
    long = {f"p{index}": {"type": "string", "maxLength": 1900 + index} for index in range(20)}
    assert "too large" in refusal({"properties": long})
    with pytest.raises(InvalidRequestError, match="at most 65536"):
        answer_grammar(
            Generate(answer_schema=json.dumps({"enum": ["x" * 70_000]})), "", Format(), bool
        )
    with pytest.raises(InvalidRequestError, match="not valid JSON"):
        answer_grammar(Generate(answer_schema="[" * 60_000), "", Format(), bool)


def test_unions_of_unions_stay_flat() -> None:
    """Each level refers twice to the next: written out, the last would come 2^25 times."""
    definitions = {
        f"d{level}": {"anyOf": [{"$ref": f"#/$defs/d{level + 1}"}] * 2} for level in range(25)
    }
    schema = {"$ref": "#/$defs/d0", "$defs": {**definitions, "d25": {"type": "null"}}}
    assert len(schema_grammar(schema, param="x").text) < 2000


TWINS = [{"type": "array", "items": {"$ref": "#"}}, {"items": {"$ref": "#"}, "maxItems": 9}]


def node(kind: str, child: object) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"kind": {"const": kind}, "child": child},
        "required": ["kind"],
    }


@pytest.mark.parametrize(
    "schema",
    [
        {"anyOf": TWINS},
        {"type": "object", "properties": {"a": {"anyOf": [{"$ref": "#"}, {"type": "object"}]}}},
        {"anyOf": [{"properties": {"a": {"$ref": "#"}}}, {"properties": {"b": {"$ref": "#"}}}]},
        {"$ref": "#/$defs/t", "$defs": {"t": {"anyOf": [node("a", {"$ref": "#/$defs/t"})] * 1
                                              + [node("a", {"$ref": "#/$defs/t"}) | {"title": "x"},
                                                 {"type": "object", "properties":
                                                  {"q": {"$ref": "#/$defs/t"}}}]}}},
    ],
)  # fmt: skip
def test_alternatives_that_multiply_with_each_level_are_refused(schema: object) -> None:
    assert "begin alike and contain themselves" in refusal(schema)


def test_alternatives_that_their_first_constant_tells_apart_may_contain_themselves() -> None:
    child = {"anyOf": [{"$ref": "#"}, {"type": "null"}]}
    for keyword in ("anyOf", "oneOf"):
        schema = {keyword: [node("leaf", {"type": "null"}), node("tree", child)]}
        assert schema_grammar(schema, param="x").text


def test_too_many_readings_at_a_time_are_refused() -> None:
    optional = {"properties": {f"p{index}": {"type": "null"} for index in range(200)}}
    assert "readings of an answer" in refusal(optional)
    assert schema_grammar({**optional, "required": list(optional["properties"])}, param="x").text
    schema: Any = {"type": "null"}
    for _ in range(8):
        schema = {"anyOf": [{"items": schema}, {"items": schema, "maxItems": 3}]}
    assert "readings of an answer" in refusal(schema)
    assert schema_grammar({"enum": [f"word {index}" for index in range(900)]}, param="x").text


def test_a_grammar_that_the_model_cannot_be_held_to_is_refused() -> None:
    request = Generate(answer_schema="{}")
    with pytest.raises(InvalidRequestError, match="cannot be held to"):
        answer_grammar(request, "", Format(), lambda _: False)
    assert answer_grammar(request, "", Format(), lambda _: True) is not None
    assert answer_grammar(Generate(), "", Format(), lambda _: True) is None


def test_open_ends_of_integers_reach_to_sixteen_digits() -> None:
    assert integers(10**16, None) is None
    assert integers(None, -(10**16)) is None
    assert integers(5, 4) is None
    assert integers(10**15, None) == integers(10**15, 10**16 - 1)
    assert integers(None, 0) == integers(-(10**16) + 1, 0)
