# SPDX-License-Identifier: Apache-2.0
import re
from collections.abc import Sequence

from atre.engine.formats.family import Family, Format
from atre.errors import InvalidRequestError
from atre.ipc.messages import Generate, Tool, ToolChoice

_MAX_TOOLS = 128  # OpenAI's own limit
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def check_tools(request: Generate, format_: Format) -> None:
    """Raises InvalidRequestError, which names the field, for tools that cannot be offered."""
    _check_names(request.tools)
    names = [tool.name for tool in request.tools]
    if request.tool_choice is ToolChoice.REQUIRED and not names:
        raise InvalidRequestError("tool_choice asks for a call without tools.", param="tool_choice")
    if request.tool_name is not None and request.tool_name not in names:
        raise InvalidRequestError(
            f"tool_choice names {request.tool_name!r:.100}, which is not among tools.",
            param="tool_choice",
        )
    if names and request.tool_choice is not ToolChoice.NONE and format_.family is Family.NONE:
        raise InvalidRequestError(
            "This box's model has no format for tool calls that is understood here. Leave tools "
            "out, or ask for JSON with response_format.",
            param="tools",
        )


def _check_names(tools: Sequence[Tool]) -> None:
    if len(tools) > _MAX_TOOLS:
        raise InvalidRequestError(
            f"tools has {len(tools)} entries; at most {_MAX_TOOLS} are allowed.", param="tools"
        )
    seen: set[str] = set()
    for index, tool in enumerate(tools):
        if not _NAME.fullmatch(tool.name):
            raise InvalidRequestError(
                f"tools[{index}].function.name must have 1 to 64 letters, digits, '_', '-' or '.'.",
                param="tools",
            )
        if tool.name in seen:
            raise InvalidRequestError(f"tools names {tool.name!r} twice.", param="tools")
        seen.add(tool.name)
