# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from atre.bench.endpoint import Endpoint
from atre.bench.exchange import Exchange, exchange
from atre.bench.reply import read_reply
from atre.bench.turns import Turn, read_turns
from atre.errors import BenchmarkError, ServerRefusedError

_ROUTE = "/chat/completions"
_FORBIDDEN = -100  # the least bias that OpenAI's API allows

# What people's programs send most: their temperature and top_p; the rest is the server's default.
_SAMPLING = {"temperature": 0.7, "top_p": 0.95}
_GREEDY = {"temperature": 0.0}


class Client:
    """Asks one model of one server. A key stands for a person; ``person`` counts through them."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        keys: Sequence[str] = (),
        model: str = "",
        end_tokens: Sequence[int] = (),
        ignore_eos: bool = True,
    ) -> None:
        """``end_tokens`` are forbidden in answers, so that these have the length asked for."""
        self._endpoint = endpoint
        self._keys = keys
        self.model = model
        self._end_tokens = end_tokens
        # llama-server's and vLLM's field for the same; servers that are strict refuse it.
        self.ignore_eos = ignore_eos

    @property
    def num_people(self) -> int:
        return max(1, len(self._keys))

    async def ask(
        self,
        prompt: str,
        num_tokens: int,
        *,
        person: int = 0,
        greedy: bool = False,
        on_piece: Callable[[], None] | None = None,
    ) -> Exchange:
        """Stream an answer of ``num_tokens`` tokens; ``on_piece`` is called as data comes."""
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": "user", "content": prompt}],
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_tokens": num_tokens,
            **(_GREEDY if greedy else _SAMPLING),
        }
        if self._end_tokens:
            body["logit_bias"] = {str(token): _FORBIDDEN for token in self._end_tokens}
        if self.ignore_eos:
            body["ignore_eos"] = True
        return await exchange(
            self._endpoint,
            _ROUTE,
            key=self._key(person),
            body=msgspec.json.encode(body),
            on_piece=on_piece,
        )

    async def list_models(self) -> list[dict[str, Any]]:
        """What the server says of its models. Raises BenchmarkError if that is no such list."""
        reply = read_reply(await exchange(self._endpoint, "/models", key=self._key(0)))
        try:
            return msgspec.convert(msgspec.json.decode(reply.body)["data"], list[dict[str, Any]])
        except (msgspec.MsgspecError, KeyError, TypeError) as error:
            raise BenchmarkError(
                f"{self._endpoint.url}/models is no list of models. Check the path in --url."
            ) from error

    async def turns(self) -> list[Turn]:
        """What the server counted of its turns; nothing for one that does not count them."""
        recorded = await exchange(self._endpoint, "/engine", key=self._key(0))
        try:
            return read_turns(read_reply(recorded))
        except (BenchmarkError, ServerRefusedError):
            return []

    def _key(self, person: int) -> str | None:
        return self._keys[person % len(self._keys)] if self._keys else None
