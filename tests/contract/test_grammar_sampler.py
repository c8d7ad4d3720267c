# SPDX-License-Identifier: Apache-2.0
"""Answers under a grammar, from random logits and a real vocabulary: whatever the model says."""

import ctypes
import datetime as dt
import ipaddress
import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from atre.engine.answer_grammar import answer_grammar
from atre.engine.formats.family import Family, Format
from atre.engine.formats.grammar import answer_after_thoughts
from atre.engine.formats.parts import CallArguments, CallStart, Content
from atre.engine.grammar.grammar import Grammar, literal
from atre.engine.grammar.rules import Rules
from atre.engine.grammar.schema import schema_grammar
from atre.engine.llama.constraint import constraint, is_accepted
from atre.engine.llama.model import LlamaModel
from atre.engine.llama.sampler import Sampler
from atre.ipc.messages import Generate, Sampling, Tool, ToolChoice
from atre.plan.planning import factory_model_path

FREE = Sampling(temperature=1.0, top_k=0, top_p=1.0, min_p=0.0)
FORMATS = jsonschema.FormatChecker([])  # jsonschema's own need more packages, or are lax
for name, read in {
    "date": dt.date.fromisoformat,
    "time": dt.time.fromisoformat,
    "date-time": dt.datetime.fromisoformat,
    "uuid": uuid.UUID,
    "ipv4": ipaddress.IPv4Address,
}.items():
    FORMATS.checks(name, ValueError)(
        lambda value, read=read: not isinstance(value, str) or bool(read(value) or True)
    )
GREEDY = Sampling(temperature=0.0)
MOST_TOKENS = 600


@dataclass
class Speaker:
    """Says random things; closes what it opened sooner than it opens more, or it would not end."""

    model: LlamaModel

    def __post_init__(self) -> None:
        pieces = [self.model.piece(token) for token in range(self.model.num_tokens)]
        closing = [bool(re.fullmatch(rb'[\]}"]+', piece)) for piece in pieces]
        # Bytes of overlong characters pass the grammar; text for a reader is made without them.
        broken = [len(piece) == 1 and piece >= b"\x80" for piece in pieces]
        self._bias = np.select([closing, broken], [3.0, -100.0]).astype(np.float32)

    def say(self, grammar: Grammar, seed: int, sampling: Sampling = FREE) -> str | None:
        """An answer under the grammar, None if it did not end."""
        rng = np.random.default_rng(seed)
        held = constraint(self.model, grammar)
        assert held is not None
        sampling = replace(sampling, seed=seed)
        chain = Sampler(sampling, num_tokens=self.model.num_tokens, prompt=[], constraint=held)
        said = bytearray()
        for _ in range(MOST_TOKENS):
            logits = rng.normal(scale=2.0, size=self.model.num_tokens).astype(np.float32)
            logits += self._bias
            pointer = logits.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
            token = held.sample(chain._chain, pointer)
            if self.model.is_end(token):
                chain.close()
                return said.decode()
            said += self.model.piece(token)
        chain.close()
        return None


@pytest.fixture(scope="module")
def speaker() -> Iterator[Speaker]:
    model = LlamaModel(factory_model_path(), n_gpu_layers=0, on_progress=lambda _: None)
    yield Speaker(model)
    model.close()


def check(speaker: Speaker, schema: Any, seed: int) -> bool:
    grammar = schema_grammar(schema, param="schema")
    assert is_accepted(speaker.model, grammar)
    said = speaker.say(grammar, seed)
    if said is None:
        return False
    jsonschema.Draft202012Validator(schema, format_checker=FORMATS).validate(json.loads(said))
    return True


names = st.text(alphabet='ab"\\é\n ', min_size=0, max_size=4)
scalars = st.none() | st.booleans() | st.integers(-50, 50) | names
strings = (
    st.just({"type": "string"})
    | st.tuples(st.integers(0, 6), st.integers(0, 6)).map(
        lambda ends: {"type": "string", "minLength": min(ends), "maxLength": max(ends)}
    )
    | st.sampled_from(["date", "time", "date-time", "uuid", "ipv4"]).map(
        lambda name: {"type": "string", "format": name}
    )
    | st.sampled_from(
        [
            r"^[A-Z]{2,4}-\d+$", r"a|bc", r"^(x|y[^z])*$", r"^\w+@\w+\.(fr|org)$",
            r'"\\', r"^\S.?$",
            r"^(?:[0-9a-f]{2}:){5}[0-9a-f]{2}$", r"^[\]\-^é]+$", r"\.", r"^a|b$", r"^\s$",
        ]
    ).map(lambda pattern: {"type": "string", "pattern": pattern})
)  # fmt: skip
limits = st.integers(-(10**6), 10**6)
numbers = (
    st.sampled_from([{"type": "integer"}, {"type": "number"}, {"type": "number", "minimum": 0}])
    | st.tuples(limits, limits).map(
        lambda ends: {"type": "integer", "minimum": min(ends), "maximum": max(ends)}
    )
    | limits.map(lambda low: {"type": "integer", "exclusiveMinimum": low + 0.5})
    | limits.map(lambda high: {"type": "integer", "exclusiveMaximum": high})
)
constants = scalars.map(lambda value: {"const": value}) | st.lists(scalars, min_size=1).map(
    lambda values: {"enum": values}
)
simple = strings | numbers | constants | st.sampled_from([{"type": "null"}, {"type": "boolean"}])


def nested(schemas: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    objects = st.builds(
        lambda properties, mask, more: {
            "type": "object",
            "properties": properties,
            "required": [n for n, wanted in zip(properties, mask, strict=False) if wanted],
            "additionalProperties": more,
        },
        st.dictionaries(names, schemas, max_size=4),
        st.lists(st.booleans(), min_size=4, max_size=4),
        st.just(False) | schemas,
    )
    arrays = st.builds(
        lambda items, low, extra: {
            "type": "array", "items": items, "minItems": low, "maxItems": low + extra
        },
        schemas, st.integers(0, 2), st.integers(0, 2),
    )  # fmt: skip
    tuples = st.builds(
        lambda firsts, rest: {"type": "array", "prefixItems": firsts, "items": rest},
        st.lists(schemas, min_size=1, max_size=3), st.just(False) | schemas,
    )  # fmt: skip
    unions = st.lists(schemas, min_size=1, max_size=3).map(lambda parts: {"anyOf": parts})
    return objects | arrays | tuples | unions


schemas = st.recursive(simple, nested, max_leaves=6)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(schema=schemas, seed=st.integers(0, 2**32 - 1))
def test_whatever_is_said_satisfies_the_schema(speaker: Speaker, schema: Any, seed: int) -> None:
    assume(check(speaker, schema, seed))


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        {},
        {"type": ["string", "null", "array"]},
        {"type": "object", "properties": {"b": {}, "a": {"type": "string"}}, "required": ["c"]},
        {"items": {"type": "integer"}},
        {"prefixItems": [{"type": "null"}], "minItems": 3},
        {"prefixItems": [{"type": "null"}, {"type": "null"}], "maxItems": 1},
        {"maxItems": 0},
        {"allOf": [{"type": "boolean"}], "description": "d", "default": True},
        {"oneOf": [{"type": "string"}, {"type": "null"}]},
        {
            "oneOf": [
                {"properties": {"k": {"const": c}, c: {}}, "required": ["k"], "type": "object"}
                for c in "ab"
            ],
            "discriminator": {"propertyName": "k"},
        },
        {
            "$ref": "#/$defs/tree",
            "$defs": {
                "tree": {
                    "type": "object",
                    "properties": {
                        "v": {"type": "integer"},
                        "c": {"type": "array", "items": {"$ref": "#/$defs/tree"}, "maxItems": 2},
                        "next": {"anyOf": [{"$ref": "#/$defs/tree"}, {"type": "null"}]},
                    },
                    "required": ["v"],
                    "additionalProperties": False,
                }
            },
        },
        {"type": "object", "additionalProperties": {"$ref": "#"}},
    ],
    ids=lambda schema: json.dumps(schema)[:40],
)
def test_each_keyword_is_kept(speaker: Speaker, schema: Any) -> None:
    ended = [check(speaker, schema, seed) for seed in range(12)]
    assert sum(ended) >= 3, "too few answers ended to say anything"


def test_constants_are_said_whole(speaker: Speaker) -> None:
    said = {
        speaker.say(schema_grammar({"enum": ['a"b\n', "é", 1.5, [1]]}, param="s"), seed)
        for seed in range(30)
    }
    assert said == {json.dumps('a"b\n'), '"é"', "1.5", "[1]"}


@pytest.mark.parametrize("sampling", [GREEDY, Sampling(top_k=1), Sampling()])
def test_filters_and_greedy_choose_among_what_is_allowed(
    speaker: Speaker, sampling: Sampling
) -> None:
    schema = {"type": "string", "pattern": "^[A-Z]{3}$"}
    said = speaker.say(schema_grammar(schema, param="s"), 1, sampling)
    assert said is not None
    assert re.fullmatch('"[A-Z]{3}"', said)


def test_a_lazy_grammar_binds_from_its_trigger_on(speaker: Speaker) -> None:
    vocabulary = speaker.model
    (trigger,) = vocabulary.tokenize(" modèle", add_special=False)
    text = f"root ::= {literal(' modèle')} [0-9]{{2}}"
    held = constraint(vocabulary, Grammar(text, triggers=(" modèle",)))
    assert held is not None
    sampler = Sampler(GREEDY, num_tokens=vocabulary.num_tokens, prompt=[], constraint=held)

    def say(wish: int) -> int:
        logits = np.zeros(vocabulary.num_tokens, np.float32)
        logits[wish] = 10.0
        return held.sample(sampler._chain, logits.ctypes.data_as(ctypes.POINTER(ctypes.c_float)))

    free = [*vocabulary.tokenize("Bonjour la", add_special=False), trigger]
    assert [say(token) for token in free] == free
    letter = vocabulary.tokenize("a", add_special=False)[-1]
    after = b"".join(vocabulary.piece(say(letter)) for _ in range(2))
    assert re.fullmatch(rb"[0-9]{2}", after[:2])
    sampler.close()


def test_a_trigger_that_is_no_token_binds_nothing(speaker: Speaker) -> None:
    """llama.cpp would abort for "<x>." here: the dot comes with the end of the trigger."""
    grammar = Grammar(f"root ::= {literal('<x>')} [0-9]", triggers=("<x>",))
    assert is_accepted(speaker.model, grammar)
    assert constraint(speaker.model, grammar) is None


@pytest.mark.parametrize("text", ["", "root ::= [", "root ::= root", 'other ::= "a"', "root ::= a"])
def test_what_llama_cpp_refuses_is_seen_before_it_is_used(speaker: Speaker, text: str) -> None:
    assert not is_accepted(speaker.model, Grammar(text or "# nothing"))


def test_where_the_vocabulary_lacks_what_is_allowed_the_answer_ends(speaker: Speaker) -> None:
    """A grammar of control characters only: no piece of text begins with NUL."""
    assert speaker.say(Grammar(r"root ::= [\x00]"), 1) == ""


def test_what_is_likely_goes_before_what_is_rare(speaker: Speaker) -> None:
    """Greedy takes the likeliest of the tokens that are allowed, wherever it stands."""
    num_tokens = speaker.model.num_tokens
    digits = [speaker.model.tokenize(digit, add_special=False)[-1] for digit in "0123456789"]
    for rank, digit in enumerate(digits):
        held = constraint(speaker.model, Grammar("root ::= [0-9]"))
        assert held is not None
        sampler = Sampler(GREEDY, num_tokens=num_tokens, prompt=[], constraint=held)
        logits = np.linspace(5.0, 1.0, num_tokens, dtype=np.float32)
        logits[digits] = -10.0 - rank
        logits[digit] = -9.0
        pointer = logits.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        assert held.sample(sampler._chain, pointer) == digit
        sampler.close()


WEATHER = {
    "type": "object",
    "properties": {"city": {"enum": ["Paris", "Lyon"]}, "days": {"type": "integer", "maximum": 9}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOLS = [
    Tool(name="weather", parameters=json.dumps(WEATHER), strict=True),
    Tool(name="clock", parameters='{"type": "object", "properties": {"at": {"format": "uri"}}}'),
]
FORMATS_WITH_CALLS = [
    Format(Family.HERMES),
    Format(Family.HERMES, ("<think>", "</think>")),
    Format(Family.LLAMA),
    Format(Family.MISTRAL),
    Format(Family.HARMONY),
]


def tool_grammar(speaker: Speaker, format_: Format, prompt: str, **wishes: Any) -> Grammar:
    grammar = answer_grammar(
        Generate(tools=TOOLS, **wishes), prompt, format_, partial(is_accepted, speaker.model)
    )
    assert grammar is not None
    return grammar


def calls_in(format_: Format, prompt: str, answer: str) -> list[tuple[str, Any]]:
    parser = format_.parser(prompt, with_tools=True)
    assert parser is not None
    names, arguments = [], []
    for part in [*parser.push(answer), *parser.finish(is_whole=True)]:
        if isinstance(part, CallStart):
            names.append(part.name)
        elif isinstance(part, CallArguments):
            arguments.append(json.loads(part.text))
        else:
            assert not isinstance(part, Content), answer
    return list(zip(names, arguments, strict=True))


@pytest.mark.parametrize("format_", FORMATS_WITH_CALLS, ids=str)
@pytest.mark.parametrize("prompt", ["", "<think>\n"])
def test_required_calls_are_made_in_the_familys_own_markup(
    speaker: Speaker, format_: Format, prompt: str
) -> None:
    grammar = tool_grammar(speaker, format_, prompt, tool_choice=ToolChoice.REQUIRED)
    answers = [speaker.say(grammar, seed) for seed in range(20)]
    found = [calls_in(format_, prompt, answer) for answer in answers if answer is not None]
    if not (format_.thoughts and prompt):  # random thoughts rarely end
        assert len(found) >= 3
        assert {name for calls in found for name, _ in calls} == {"weather", "clock"}
    for calls in found:
        assert calls
        for name, arguments in calls:
            if name == "weather":
                jsonschema.validate(arguments, WEATHER)


@pytest.mark.parametrize("format_", FORMATS_WITH_CALLS, ids=str)
def test_one_named_call_is_made(speaker: Speaker, format_: Format) -> None:
    grammar = tool_grammar(
        speaker, format_, "", tool_choice=ToolChoice.REQUIRED, tool_name="weather",
        parallel_tool_calls=False,
    )  # fmt: skip
    answers = [answer for seed in range(12) if (answer := speaker.say(grammar, seed))]
    assert answers
    for answer in answers:
        assert [name for name, _ in calls_in(format_, "", answer)] == ["weather"]


@pytest.mark.parametrize("family", [Family.HERMES, Family.MISTRAL])
def test_a_call_that_the_model_begins_itself_is_held_to_its_schema(
    speaker: Speaker, family: Family
) -> None:
    grammar = tool_grammar(speaker, Format(family), "")
    assert grammar.triggers
    at_once = tool_grammar(speaker, Format(family), "", tool_choice=ToolChoice.REQUIRED)
    assert grammar.text == at_once.text


def test_families_without_a_marker_are_not_held_before_they_call(speaker: Speaker) -> None:
    for family in (Family.LLAMA, Family.HARMONY):
        request = Generate(tools=TOOLS)
        accepts = partial(is_accepted, speaker.model)
        assert answer_grammar(request, "", Format(family), accepts) is None


def test_thoughts_come_before_the_answer_and_end_with_their_tag(speaker: Speaker) -> None:
    rules = Rules("x")
    format_ = Format(Family.NONE, ("[a]", "</aa>"))
    grammar = answer_after_thoughts(rules.add('"yes"'), rules, format_, "[a]")
    held = constraint(speaker.model, grammar)
    assert held is not None
    sampler = Sampler(GREEDY, num_tokens=speaker.model.num_tokens, prompt=[], constraint=held)
    said = b""
    for character in "<</a</aa>maybe":
        logits = np.zeros(speaker.model.num_tokens, np.float32)
        logits[speaker.model.tokenize(character, add_special=False)[-1]] = 10.0
        pointer = logits.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        said += speaker.model.piece(held.sample(sampler._chain, pointer))
    sampler.close()
    thoughts, answer = said.split(b"</aa>")
    assert thoughts == b"<</a"
    assert b"yes".startswith(answer.strip())
