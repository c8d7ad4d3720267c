# SPDX-License-Identifier: Apache-2.0
"""Names of the files of a model that was split, as llama.cpp wants them (llama_split_path)."""

import re
from pathlib import Path

import msgspec

_NAME = re.compile(r"(?P<prefix>.+)-(?P<number>[0-9]{5})-of-(?P<count>[0-9]{5})\.gguf")

_MAX_PARTS = 1000  # far above any published model


class Part(msgspec.Struct, frozen=True):
    """One file of a model in ``count`` files; ``number`` starts at 1."""

    prefix: str
    number: int
    count: int

    def sibling(self, number: int) -> str:
        """The name of part ``number`` of the same model."""
        return part_name(self.prefix, number, self.count)


def part_of(name: str) -> Part | None:
    """What a file's name says of its place among parts, None for a file that is whole."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    number, count = int(match["number"]), int(match["count"])
    return Part(match["prefix"], number, count) if 1 <= number <= count else None


def part_name(prefix: str, number: int, count: int) -> str:
    """The name that llama.cpp looks for."""
    return f"{prefix}-{number:05}-of-{count:05}.gguf"


def parts_of(path: Path) -> list[Path]:
    """Every file of the model whose first is ``path``, by their names alone."""
    part = part_of(path.name)
    if part is None or part.number > 1 or part.count > _MAX_PARTS:
        return [path]
    return [path.with_name(part.sibling(number + 1)) for number in range(part.count)]


def whole_name(path: Path) -> str:
    """What the model is called by its file, or by the first of its files."""
    part = part_of(path.name)
    return part.prefix if part else path.stem
