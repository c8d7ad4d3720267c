# SPDX-License-Identifier: Apache-2.0
"""What a box answers with: a stored model, and the LoRA adapters that are added to it.

It is written as one word, ``base+letters:0.5``, wherever a model's name stands: on the command
line, in the file that remembers the choice, in a request to the box. No name holds ``+`` or ``:``.
"""

import math

import msgspec

from atre.errors import ModelStoreError

_AND, _BY = "+", ":"
_MAX_SCALE = 10.0


class Applied(msgspec.Struct, frozen=True):
    """An adapter by its name; its part is multiplied by ``scale``."""

    name: str
    scale: float = 1.0

    def __str__(self) -> str:
        return self.name if self.scale == 1.0 else f"{self.name}{_BY}{self.scale:g}"


class Selection(msgspec.Struct, frozen=True):
    """A model's name and the adapters on it, none as a rule."""

    model: str
    adapters: tuple[Applied, ...] = ()

    def __str__(self) -> str:
        return _AND.join([self.model, *map(str, self.adapters)])

    @property
    def names(self) -> set[str]:
        """Every stored model that it needs."""
        return {self.model, *(adapter.name for adapter in self.adapters)}


def read_selection(written: str) -> Selection:
    """The selection that a word stands for. Raises ModelStoreError for a wrong scale."""
    model, *adapters = written.split(_AND)
    return Selection(model, tuple(read_applied(adapter) for adapter in adapters))


def read_applied(written: str) -> Applied:
    """An adapter as ``NAME`` or ``NAME:SCALE``. Raises ModelStoreError for a wrong scale."""
    name, _, scale = written.partition(_BY)
    if not scale and _BY not in written:
        return Applied(name)
    try:
        number = float(scale)
    except ValueError:
        number = math.nan
    if not 0 < abs(number) <= _MAX_SCALE:
        raise ModelStoreError(
            f"{written!r} names no scale for an adapter. Write NAME:SCALE with a number up to "
            f"{_MAX_SCALE:g} that is not 0, such as {name}:0.5, or the name alone for 1.",
            f"{written!r} ne donne pas de facteur pour un adaptateur. Écrivez NOM:FACTEUR avec un "
            f"nombre jusqu’à {_MAX_SCALE:g} qui n’est pas 0, comme {name}:0.5, ou le nom seul "
            "pour 1.",
        )
    return Applied(name, number)
