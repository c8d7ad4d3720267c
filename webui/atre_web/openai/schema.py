# SPDX-License-Identifier: Apache-2.0
"""Bodies of the OpenAI routes, as clients send them; fields that change nothing are ignored."""

import re
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from atre.errors import InvalidRequestError

MAX_CHOICES = 16  # each is a generation of its own

_PATH = re.compile(r" - at `\$\.?(.*)`$")

# Counts of tokens: JSON numbers are exact up to here everywhere, and MessagePack's have 64 bits.
Positive = Annotated[int, Meta(ge=1, le=2**53)]


class TextPart(msgspec.Struct):
    """A piece of a message's content; only text is understood."""

    type: str
    text: str = ""


class CalledFunction(msgspec.Struct):
    """The function of an earlier call; ``arguments`` is JSON text."""

    name: str
    arguments: str = "{}"


class CallBody(msgspec.Struct):
    """A call that the assistant made in an earlier turn."""

    function: CalledFunction
    id: str = ""
    type: str = "function"


class MessageBody(msgspec.Struct):
    """One message of a conversation."""

    role: Annotated[str, Meta(min_length=1, max_length=64)]
    content: str | list[TextPart] | None = None
    name: str | None = None
    tool_calls: list[CallBody] | None = None
    tool_call_id: str | None = None

    def text(self) -> str:
        """The content as one text. Raises InvalidRequestError for images, audio and files."""
        if isinstance(self.content, list):
            for part in self.content:
                if part.type not in {"text", "input_text"}:
                    raise InvalidRequestError(
                        f"Content of type {part.type[:40]!r} is not supported; send text.",
                        param="messages",
                    )
            return "".join(part.text for part in self.content)
        return self.content or ""


class AnswerSchema(msgspec.Struct):
    """The schema of an answer. It is enforced whether ``strict`` says so or not."""

    schema: dict[str, Any] | None = None
    name: str | None = None
    description: str | None = None
    strict: bool | None = None


class ResponseFormat(msgspec.Struct):
    """What the answer must be: text, json_object or json_schema."""

    type: str
    json_schema: AnswerSchema | None = None


class FunctionBody(msgspec.Struct):
    """A function that the model may call; ``parameters`` is the JSON schema of its arguments."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class ToolBody(msgspec.Struct):
    """A tool; functions are the only kind."""

    type: str
    function: FunctionBody


class NamedFunction(msgspec.Struct):
    """The name of a function."""

    name: str


class NamedTool(msgspec.Struct):
    """The one tool that must be called."""

    type: str
    function: NamedFunction


class StreamOptions(msgspec.Struct):
    """What a stream carries beside the answer."""

    include_usage: bool | None = None


class SamplingBody(msgspec.Struct, kw_only=True):
    """The fields that both completion routes share."""

    model: str | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Annotated[int, Meta(ge=1, le=MAX_CHOICES)] | None = None
    max_tokens: Positive | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_k: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    min_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    repetition_penalty: Annotated[float, Meta(gt=0, le=10)] | None = None
    frequency_penalty: Annotated[float, Meta(ge=-2, le=2)] | None = None
    presence_penalty: Annotated[float, Meta(ge=-2, le=2)] | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    logit_bias: dict[str, Annotated[float, Meta(ge=-100, le=100)]] | None = None
    return_progress: bool | None = None


class ChatBody(SamplingBody, kw_only=True):
    """POST /v1/chat/completions."""

    messages: list[MessageBody]
    max_completion_tokens: Positive | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    response_format: ResponseFormat | None = None
    tools: list[ToolBody] | None = None
    tool_choice: str | NamedTool | None = None
    parallel_tool_calls: bool | None = None
    functions: list[Any] | None = None


class CompletionBody(SamplingBody, kw_only=True):
    """POST /v1/completions."""

    prompt: str | list[Any]
    logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    echo: bool | None = None
    suffix: str | None = None
    best_of: Annotated[int, Meta(ge=1)] | None = None


Body = TypeVar("Body", bound=msgspec.Struct)


def decode_body(data: bytes, kind: type[Body]) -> Body:
    """Read a JSON body strictly. Raises InvalidRequestError that names the field at fault."""
    if not data:
        raise InvalidRequestError("The request has no body. Send a JSON object.")
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        found = _PATH.search(str(error))
        param = found[1] if found and found[1] else None
        sentence = _PATH.sub("", str(error))
        where = f" in {param!r}" if param else ""
        raise InvalidRequestError(
            f"The request is not as expected{where}: {sentence}.", param=param
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequestError(f"The body is not valid JSON in UTF-8: {error}.") from error
    except RecursionError as error:
        raise InvalidRequestError("The JSON is nested too deeply.") from error
