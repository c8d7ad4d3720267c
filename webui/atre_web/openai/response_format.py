# SPDX-License-Identifier: Apache-2.0
import msgspec

from atre.errors import InvalidRequestError
from atre_web.openai.schema import ResponseFormat

_ANY_OBJECT = '{"type":"object"}'


def answer_schema(wanted: ResponseFormat | None) -> str | None:
    """The schema of the answer as JSON text, None for free text. Raises InvalidRequestError."""
    kind = wanted.type if wanted else "text"
    if wanted is None or kind == "text":
        return None
    if kind == "json_object":
        return _ANY_OBJECT
    if kind != "json_schema":
        raise InvalidRequestError(
            f"response_format.type is {kind[:40]!r}; it must be text, json_object or json_schema.",
            param="response_format",
        )
    if wanted.json_schema is None or wanted.json_schema.schema is None:
        raise InvalidRequestError(
            "response_format of type json_schema needs json_schema.schema.", param="response_format"
        )
    return json_text(wanted.json_schema.schema, "response_format")


def json_text(value: object, param: str) -> str:
    """A part of the body as text again. Raises InvalidRequestError for halves of characters."""
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError as error:
        raise InvalidRequestError(
            f"{param} holds half of a surrogate pair, which is no character.", param=param
        ) from error
