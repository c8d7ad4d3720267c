# SPDX-License-Identifier: Apache-2.0
import json
from collections.abc import Callable

from atre.engine.grammar.grammar import Grammar
from atre.engine.grammar.schema import schema_grammar
from atre.errors import InvalidRequestError
from atre.ipc.messages import Generate

_MAX_SCHEMA_CHARACTERS = 64 * 1024


def answer_grammar(request: Generate, accepts: Callable[[Grammar], bool]) -> Grammar | None:
    """What the request allows the model to say, None for everything.

    Raises InvalidRequestError for a schema that no grammar expresses, or that llama.cpp refuses.
    """
    if request.answer_schema is None:
        return None
    grammar = schema_grammar(
        read_schema(request.answer_schema, "response_format"), param="response_format"
    )
    if not accepts(grammar):
        raise InvalidRequestError(
            "The schema of response_format makes a grammar that the model cannot be held to. "
            "Simplify its patterns and repetitions.",
            param="response_format",
        )
    return grammar


def read_schema(text: str, param: str) -> object:
    """The JSON in ``text``. Raises InvalidRequestError where it is too long or nested too deep."""
    if len(text) > _MAX_SCHEMA_CHARACTERS:
        raise InvalidRequestError(
            f"The schema has {len(text)} characters; at most {_MAX_SCHEMA_CHARACTERS} are allowed.",
            param=param,
        )
    try:
        text.encode()
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRequestError(f"The schema is not valid JSON: {error}.", param=param) from error
