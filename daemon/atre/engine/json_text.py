# SPDX-License-Identifier: Apache-2.0
import json

from atre.errors import InvalidRequestError

_MAX_CHARACTERS = 64 * 1024


def read_json(text: str, param: str) -> object:
    """The JSON in ``text``. Raises InvalidRequestError where it is too long or nested too deep."""
    if len(text) > _MAX_CHARACTERS:
        raise InvalidRequestError(
            f"JSON of {len(text)} characters in {param}; at most {_MAX_CHARACTERS} are allowed.",
            param=param,
        )
    try:
        text.encode()
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRequestError(
            f"There is text in {param} that is not valid JSON: {error}.", param=param
        ) from error
