# SPDX-License-Identifier: Apache-2.0
"""Tool calls in OpenAI's shape, in a stream and whole."""

from collections.abc import Iterable

from atre.ipc.messages import CallDelta

Json = dict[str, object]


def call_delta(call: CallDelta) -> Json:
    """A piece of a call; the first piece has its id and the function's name."""
    function: Json = {"arguments": call.arguments}
    delta: Json = {"index": call.index, "function": function}
    if call.id is not None:
        delta |= {"id": call.id, "type": "function"}
        function["name"] = call.name
    return delta


def whole_calls(pieces: Iterable[CallDelta]) -> list[Json]:
    """The calls that the pieces make together."""
    calls: dict[int, tuple[CallDelta, list[str]]] = {}
    for piece in pieces:
        calls.setdefault(piece.index, (piece, []))[1].append(piece.arguments)
    return [
        {
            "id": first.id,
            "type": "function",
            "function": {"name": first.name, "arguments": "".join(arguments)},
        }
        for first, arguments in calls.values()
    ]
