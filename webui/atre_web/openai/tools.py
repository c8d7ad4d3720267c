# SPDX-License-Identifier: Apache-2.0
from dataclasses import dataclass

from atre.errors import InvalidRequestError
from atre.ipc.messages import Tool, ToolCall, ToolChoice
from atre_web.openai.response_format import json_text
from atre_web.openai.schema import CallBody, ChatBody, ToolBody


@dataclass(frozen=True, slots=True)
class Choice:
    """Whether tools may or must be called, and the only one of them, if it is named."""

    choice: ToolChoice
    name: str | None = None


def offered_tools(tools: list[ToolBody] | None) -> list[Tool]:
    """The tools of a body. Raises InvalidRequestError for a kind that is no function."""
    return [_tool(index, tool) for index, tool in enumerate(tools or [])]


def wanted_choice(body: ChatBody) -> Choice:
    """What tool_choice asks for; without it the model chooses. Raises InvalidRequestError."""
    wanted = body.tool_choice
    if wanted is None:
        return Choice(ToolChoice.AUTO)
    if isinstance(wanted, str):
        if wanted not in list(ToolChoice):
            raise InvalidRequestError(
                f"tool_choice is {wanted[:40]!r}; it must be none, auto, required or a function.",
                param="tool_choice",
            )
        return Choice(ToolChoice(wanted))
    if wanted.type != "function":
        raise InvalidRequestError(
            f"tool_choice.type is {wanted.type[:40]!r}; it must be function.", param="tool_choice"
        )
    return Choice(ToolChoice.REQUIRED, wanted.function.name)


def earlier_calls(calls: list[CallBody] | None) -> list[ToolCall]:
    """Calls of an earlier turn, as the model's template receives them."""
    return [
        ToolCall(id=call.id, name=call.function.name, arguments=call.function.arguments)
        for call in calls or []
    ]


def _tool(index: int, tool: ToolBody) -> Tool:
    if tool.type != "function":
        raise InvalidRequestError(
            f"tools[{index}].type is {tool.type[:40]!r}; it must be function.", param="tools"
        )
    function = tool.function
    return Tool(
        name=function.name,
        description=function.description or "",
        parameters=json_text(function.parameters or {"type": "object"}, "tools"),
        strict=bool(function.strict),
    )
