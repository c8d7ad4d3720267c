# SPDX-License-Identifier: Apache-2.0
"""Each family's own markup, whole and at every cut of the stream."""

import itertools
import json

import pytest

from atre.engine.formats.family import Family, Format, detect
from atre.engine.formats.parts import CallArguments, CallEnd, CallStart, Content, Part, Reasoning

THINK = ("<think>", "</think>")
HERMES = Format(Family.HERMES)
THINKING_HERMES = Format(Family.HERMES, THINK)
LLAMA = Format(Family.LLAMA)
MISTRAL = Format(Family.MISTRAL)
HARMONY = Format(Family.HARMONY)
THINKING = Format(Family.NONE, THINK)

Said = list[tuple[str, str]]


def said(format_: Format, pieces: list[str], *, prompt: str = "", is_whole: bool = True) -> Said:
    """What the parser makes of an answer, neighbours of one kind joined."""
    parser = format_.parser(prompt, with_tools=True)
    assert parser is not None
    parts: list[Part] = [part for piece in pieces for part in parser.push(piece)]
    parts += parser.finish(is_whole=is_whole)
    words = [_word(part) for part in parts]
    return [
        (kind, "".join(text for _, text in group))
        for kind, group in itertools.groupby(words, key=lambda word: word[0])
    ]


def _word(part: Part) -> tuple[str, str]:
    match part:
        case Content(text):
            return "text", text
        case Reasoning(text):
            return "thought", text
        case CallStart(name):
            return "call", name
        case CallArguments(text):
            return "arguments", text
        case CallEnd():
            return "end", ""


def call(name: str, arguments: str) -> Said:
    return [("call", name), ("arguments", arguments), ("end", "")]


MIXED = '{"city": "Paris, {\\"}", "n": [1, {"a": 2}]}'
CASES: dict[str, tuple[Format, str, Said]] = {
    "plain text": (HERMES, "Bonjour <b>toi</b> ", [("text", "Bonjour <b>toi</b> ")]),
    "hermes": (
        HERMES,
        f'<tool_call>\n{{"name": "weather", "arguments": {MIXED}}}\n</tool_call>',
        call("weather", MIXED),
    ),
    "hermes after text, twice": (
        HERMES,
        ('Je regarde.\n<tool_call>{"name": "a", "arguments": {}}</tool_call>\n'
        '<tool_call>\n{"arguments": {"x": "</tool_call>"}, "name": "b"}\n</tool_call>'),
        [("text", "Je regarde."), *call("a", "{}"), *call("b", '{"x": "</tool_call>"}')],
    ),
    "hermes without arguments": (
        HERMES, '<tool_call>{"name": "a"}</tool_call>', call("a", "{}")
    ),
    "hermes with quoted arguments": (
        HERMES,
        '<tool_call>{"name": "a", "arguments": "{\\"x\\": 1}"}</tool_call>',
        call("a", '{"x": 1}'),
    ),
    "hermes that forgot to close": (
        HERMES,
        '<tool_call>{"name": "a", "arguments": {"x" : 1 } } Voilà',
        [*call("a", '{"x" : 1 }'), ("text", "Voilà")],
    ),
    "hermes that is no call": (
        HERMES, '<tool_call>{"city": "Paris"}</tool_call>', [("text", '{"city": "Paris"}')]
    ),
    "hermes that is no object": (HERMES, "<tool_call>Paris</tool_call>", [("text", "Paris")]),
    "thoughts, then text": (
        THINKING_HERMES,
        "<think>\nHm <tool_call> ?\n</think>\n\nOui <think> non",
        [("thought", "Hm <tool_call> ?"), ("text", "Oui <think> non")],
    ),
    "thoughts, then a call": (
        THINKING_HERMES,
        '<think>a</think><tool_call>{"name": "a", "arguments": {}}</tool_call>',
        [("thought", "a"), *call("a", "{}")],
    ),
    "empty thoughts": (THINKING, "<think>\n\n</think>\n\nOui.\n", [("text", "Oui.\n")]),
    "no thoughts": (THINKING, "Oui, 2 < 3 <t", [("text", "Oui, 2 < 3 <t")]),
    "llama": (
        LLAMA,
        f'{{"name": "weather", "parameters": {MIXED}}}',
        call("weather", MIXED),
    ),
    "llama twice": (
        LLAMA,
        '{"name": "a", "parameters": {}}; {"name": "b", "parameters": {"x": 1}}',
        [*call("a", "{}"), *call("b", '{"x": 1}')],
    ),
    "llama behind its tag": (
        LLAMA,
        '<|python_tag|>{"type": "function", "name": "a", "parameters": {}}',
        call("a", "{}"),
    ),
    "llama says JSON that is no call": (
        LLAMA, '{"city": "Paris"} voilà', [("text", '{"city": "Paris"}voilà')]
    ),
    "llama says a brace later": (LLAMA, 'Voilà {"name": "a"}', [("text", 'Voilà {"name": "a"}')]),
    "mistral": (
        MISTRAL,
        '[TOOL_CALLS] [{"name": "a", "arguments": {"x": "]"}}, {"name": "b", "arguments": {}}]',
        [*call("a", '{"x": "]"}'), *call("b", "{}")],
    ),
    "mistral since 2025": (
        MISTRAL,
        'Bien.[TOOL_CALLS]a[ARGS]{"x": "{"}[TOOL_CALLS]b[CALL_ID]12[ARGS]{}',
        [("text", "Bien."), *call("a", '{"x": "{"}'), *call("b", "{}")],
    ),
    "mistral without a mark before the arguments": (
        MISTRAL, '[TOOL_CALLS]a{"x": 1}', call("a", '{"x": 1}')
    ),
    "harmony": (
        HARMONY,
        "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Oui.",
        [("thought", "Hm."), ("text", "Oui.")],
    ),
    "harmony calls": (
        HARMONY,
        ("<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary "
        'to=functions.weather <|constrain|>json<|message|>{"city": "Paris"}'),
        [("thought", "Hm."), *call("weather", '{"city": "Paris"}')],
    ),
    "harmony calls from its header": (
        HARMONY,
        (' to=functions.a<|channel|>commentary json<|message|>{"x": 1}<|call|>'
        "<|start|>assistant<|channel|>commentary<|message|>Voilà"),
        [*call("a", '{"x": 1}'), ("text", "Voilà")],
    ),
    "harmony left by the model": (HARMONY, "Bonjour !", [("text", "Bonjour !")]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_markup_is_read_whole(name: str) -> None:
    format_, answer, expected = CASES[name]
    assert said(format_, [answer]) == expected


@pytest.mark.parametrize("name", CASES)
def test_every_cut_reads_the_same(name: str) -> None:
    format_, answer, expected = CASES[name]
    assert said(format_, list(answer)) == expected
    for first in range(1, len(answer)):
        assert said(format_, [answer[:first], answer[first:]]) == expected
        if len(answer) < 60:
            for second in range(first + 1, len(answer)):
                pieces = [answer[:first], answer[first:second], answer[second:]]
                assert said(format_, pieces) == expected


@pytest.mark.parametrize("name", CASES)
def test_an_answer_that_is_cut_off_keeps_what_it_said(name: str) -> None:
    """Whatever the place, nothing is lost or invented: the beginning agrees with the whole."""
    format_, answer, expected = CASES[name]
    names = {text for kind, text in expected if kind == "call"}
    for end in range(len(answer)):
        for kind, text in said(format_, [answer[:end]], is_whole=False):
            if kind == "call":
                assert text in names
            elif kind == "arguments":
                assert any(text == full[: len(text)] for kind_, full in expected if kind_ == kind)


def test_arguments_are_streamed_as_they_come() -> None:
    parser = HERMES.parser("", with_tools=True)
    assert parser is not None
    assert parser.push('<tool_call>{"name": "a", "arguments": {"te') == [
        CallStart("a"),
        CallArguments('{"te'),
    ]
    assert parser.push('xt": "Bonj') == [CallArguments('xt": "Bonj')]
    assert parser.push('our"}}</tool_call>') == [CallArguments('our"}'), CallEnd()]


def test_a_prompt_may_open_the_thoughts() -> None:
    expected: Said = [("thought", "Hm."), ("text", "Oui.")]
    assert said(THINKING, ["Hm.</think>Oui."], prompt="…assistant\n<think>\n") == expected
    assert said(THINKING, ["Hm."], prompt="<think>", is_whole=False) == [("thought", "Hm.")]


def test_without_tools_calls_are_text() -> None:
    assert HERMES.parser("", with_tools=False) is None
    parser = THINKING_HERMES.parser("", with_tools=False)
    assert parser is not None
    answer = '<tool_call>{"name": "a"}</tool_call>'
    assert [*parser.push(answer), *parser.finish(is_whole=True)] == [Content(answer)]
    assert Format().parser("", with_tools=True) is None


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ messages }}", Format()),
        ("{{ '<tool_call>' }}", HERMES),
        ("{{ '<tool_call>' }}{{ '</think>' }}", THINKING_HERMES),
        ("{{ '<tool_call>\n<function=' }}", Format()),
        ("<|start_header_id|>{{ tools | tojson }}", LLAMA),
        ("<|start_header_id|>", Format()),
        ("[TOOL_CALLS]", MISTRAL),
        ("[TOOL_CALLS][/THINK]", Format(Family.MISTRAL, ("[THINK]", "[/THINK]"))),
        ("<|start|><|channel|><|message|>", HARMONY),
        ("</think>", THINKING),
    ],
)
def test_the_template_tells_the_family(template: str, expected: Format) -> None:
    assert detect(template) == expected


def test_deep_and_broken_arguments_do_no_harm() -> None:
    deep = '<tool_call>{"name": "a", "arguments": ' + '{"a":' * 5000
    words = said(HERMES, [deep], is_whole=False)
    assert words[0] == ("call", "a")
    assert words[1][1] == '{"a":' * 5000
    assert said(HERMES, ['<tool_call>{"name": 1, "arguments": {}}']) == [
        ("text", json.dumps({"name": 1, "arguments": {}}))
    ]
