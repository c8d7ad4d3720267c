# SPDX-License-Identifier: Apache-2.0
"""What the box remembers of one stored model: a small JSON file beside the blobs."""

import re
from pathlib import PurePath
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from atre.errors import ModelProblem, ModelStoreError
from atre.models.split import part_name, part_of

# The factory model is no stored one, and choosing it by name means going back to it.
FACTORY = "factory"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")

Name = Annotated[str, Meta(pattern=f"^{_NAME.pattern}$")]
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class StoredFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file of a model: its digest is also its place in the store."""

    sha256: Sha256
    size_bytes: Annotated[int, Meta(ge=1)]


class Facts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a model's header says, kept so that a list needs to open no file."""

    kind: Literal["model", "adapter"]
    architecture: str
    title: str | None = None
    licence: str | None = None
    parameters: int | None = None
    file_type: str | None = None
    context_tokens: int | None = None


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One stored model. Its ``files`` are the parts in their order; most models have one.

    ``source`` is ``import`` or ``hub:REPOSITORY/FILE@COMMIT``. ``base`` names the model that an
    adapter belongs to. ``signer`` is the fingerprint of the key whose signature was checked.
    """

    name: Name
    files: Annotated[tuple[StoredFile, ...], Meta(min_length=1)]
    facts: Facts
    source: str
    added: str
    base: str | None = None
    signer: str | None = None

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)

    def link_names(self) -> tuple[str, ...]:
        """What the files are called beside the store, as llama.cpp wants the parts called."""
        if len(self.files) == 1:
            return (f"{self.name}.gguf",)
        count = len(self.files)
        return tuple(part_name(self.name, number, count) for number in range(1, count + 1))


def check_name(name: str) -> str:
    """The name, if a model may be called so. Raises ModelStoreError."""
    if not _NAME.fullmatch(name) or name == FACTORY:
        raise ModelStoreError(
            f"A model cannot be called {name!r}. Use up to 80 small letters, digits, dots, dashes "
            f"and underscores, beginning with a letter or digit, and not {FACTORY!r}.",
            f"Un modèle ne peut pas s’appeler {name!r}. Prenez au plus 80 minuscules sans accent, "
            "chiffres, points, tirets et traits bas, en commençant par une lettre ou un chiffre, "
            f"et pas {FACTORY!r}.",
            problem=ModelProblem.BAD_NAME,
        )
    return name


def name_of_file(file_name: str) -> str:
    """The name that a model gets from its file's, such as ``qwen3-4b-q4_k_m``."""
    part = part_of(file_name)
    stem = part.prefix if part else PurePath(file_name).name.removesuffix(".gguf")
    cleaned = re.sub(r"[^a-z0-9._-]+", "-", stem.lower()).strip("-._")[:80]
    return f"{cleaned}-copy" if cleaned == FACTORY else cleaned or "model"
