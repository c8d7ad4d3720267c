# SPDX-License-Identifier: Apache-2.0
import datetime as dt
import json
from collections.abc import Sequence

from jinja2 import TemplateError
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension
from jinja2.nodes import Node
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from atre.engine.json_text import read_json
from atre.errors import InvalidRequestError, ModelLoadError
from atre.ipc.messages import ChatMessage, Tool, ToolCall

# For models that carry no template of their own: the ChatML layout, without its special tokens.
PLAIN_TEMPLATE = (
    "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}"
)


class _Generation(Extension):
    """Hugging Face's ``{% generation %}``: marks what to train on, and prints what is inside."""

    tags = {"generation"}  # noqa: RUF012 -- Jinja declares it so

    def parse(self, parser: Parser) -> list[Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class ChatTemplate:
    """A model's own chat template, rendered in Jinja's sandbox: it comes with the model file.

    Layout of the variables: Hugging Face ``apply_chat_template``.
    """

    def __init__(self, source: str, *, bos_token: str, eos_token: str) -> None:
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.loopcontrols", _Generation],
        )
        environment.filters["tojson"] = _to_json
        environment.globals["raise_exception"] = _refuse
        environment.globals["strftime_now"] = _strftime_now
        try:
            self._template = environment.from_string(source)
        except TemplateError as error:
            raise ModelLoadError(
                f"The model's chat template cannot be read: {error}.",
                f"Le gabarit de conversation du modèle est illisible : {error}.",
            ) from error
        self.bos_token = bos_token
        self._eos_token = eos_token

    def render(self, messages: Sequence[ChatMessage], tools: Sequence[Tool] = ()) -> str:
        """The prompt for the assistant's next turn.

        Raises InvalidRequestError where the template refuses the conversation.
        """
        turns = [_turn(message) for message in messages]
        try:
            return self._template.render(
                messages=turns,
                **({"tools": [_function(tool) for tool in tools]} if tools else {}),
                add_generation_prompt=True,
                bos_token=self.bos_token,
                eos_token=self._eos_token,
            )
        except (TemplateError, SecurityError, TypeError, ValueError, OverflowError) as error:
            raise InvalidRequestError(
                f"The model's chat template refuses this conversation: {error}", param="messages"
            ) from error


def _turn(message: ChatMessage) -> dict[str, object]:
    turn: dict[str, object] = {"role": message.role, "content": message.content}
    if message.name:
        turn["name"] = message.name
    if message.tool_call_id:
        turn["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        turn["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": _arguments(call)},
            }
            for call in message.tool_calls
        ]
    return turn


def _arguments(call: ToolCall) -> dict[str, object]:
    """As an object, which is what templates print."""
    arguments = read_json(call.arguments or "{}", "messages")
    if not isinstance(arguments, dict):
        raise InvalidRequestError(
            f"The arguments of the tool call {call.name!r:.100} must be a JSON object.",
            param="messages",
        )
    return arguments


def _function(tool: Tool) -> dict[str, object]:
    return {
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": read_json(tool.parameters, "tools"),
        },
    }


def _to_json(value: object, indent: int | None = None, **_options: object) -> str:
    """As Hugging Face's own filter writes it: Jinja's escapes what means something in HTML."""
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _refuse(message: str) -> None:
    raise TemplateError(message)


def _strftime_now(layout: str) -> str:
    return dt.datetime.now().astimezone().strftime(layout)
