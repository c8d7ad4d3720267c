# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from atre.embedder.encoder import Tokens
from atre.ipc.message import Message


@dataclass(slots=True, eq=False)
class Job:
    """One request: its inputs in order, of which ``num_taken`` were given out to be computed."""

    inputs: Sequence[Tokens]
    model: str
    dimensions: int | None
    user: str
    send: Callable[[Message], None]
    num_taken: int = 0
    num_sent: int = 0
    num_tokens: int = field(init=False)

    def __post_init__(self) -> None:
        self.num_tokens = sum(len(tokens) for tokens in self.inputs)

    @property
    def next_input(self) -> Tokens:
        """The first input that was not taken yet."""
        return self.inputs[self.num_taken]

    @property
    def is_taken(self) -> bool:
        return self.num_taken == len(self.inputs)

    @property
    def num_tokens_waiting(self) -> int:
        return sum(len(tokens) for tokens in self.inputs[self.num_taken :])
