# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable

from atre.engine.formats import grammar as formats
from atre.engine.formats.family import Format
from atre.engine.grammar.grammar import Grammar
from atre.engine.grammar.rules import Rules
from atre.engine.grammar.schema import schema_rule
from atre.engine.json_text import read_json
from atre.errors import InvalidRequestError
from atre.ipc.messages import Generate, Tool, ToolChoice


def answer_grammar(
    request: Generate, prompt: str, format_: Format, accepts: Callable[[Grammar], bool]
) -> Grammar | None:
    """What the request allows the model to say, None for everything; ``prompt`` is rendered text.

    Raises InvalidRequestError for a schema that no grammar expresses, or that llama.cpp refuses.
    """
    uses_tools = bool(request.tools) and request.tool_choice is not ToolChoice.NONE
    if request.answer_schema is not None:
        if uses_tools:
            raise InvalidRequestError(
                "response_format and tools cannot be enforced together. Send one of them, or "
                "tool_choice none.",
                param="response_format",
            )
        return _checked(_answer(request.answer_schema, prompt, format_), accepts, "response_format")
    if uses_tools:
        return _checked(_calls(request, prompt, format_), accepts, "tools")
    return None


def _answer(schema: str, prompt: str, format_: Format) -> Grammar:
    param = "response_format"
    rules = Rules(param)
    rule = schema_rule(read_json(schema, param), rules, param=param)
    return formats.answer_after_thoughts(rule, rules, format_, prompt)


def _calls(request: Generate, prompt: str, format_: Format) -> Grammar | None:
    rules = Rules("tools")
    tools = [
        formats.Callable(tool.name, _arguments(tool, rules))
        for tool in request.tools
        if request.tool_name in (None, tool.name)
    ]
    return formats.calls(
        tools,
        rules,
        format_,
        prompt,
        choice=request.tool_choice,
        parallel=request.parallel_tool_calls,
    )


def _arguments(tool: Tool, rules: Rules) -> str:
    """The rule of a tool's arguments, which are always an object."""
    schema = read_json(tool.parameters, "tools")
    if schema == {} or schema is None:
        schema = {"type": "object"}
    if not isinstance(schema, dict) or schema.get("type", "object") != "object":
        raise InvalidRequestError(
            f"The parameters of the tool {tool.name!r} must be a schema of the type object.",
            param="tools",
        )
    if "properties" in schema and "type" not in schema:
        schema = {**schema, "type": "object"}
    return schema_rule(schema, rules, param="tools", strict=tool.strict)


def _checked(
    grammar: Grammar | None, accepts: Callable[[Grammar], bool], param: str
) -> Grammar | None:
    if grammar is not None and not accepts(grammar):
        raise InvalidRequestError(
            f"The schema in {param} makes a grammar that the model cannot be held to. "
            "Simplify its patterns and repetitions.",
            param=param,
        )
    return grammar
