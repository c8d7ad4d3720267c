# SPDX-License-Identifier: Apache-2.0
"""The models that the box knows by name: ``catalogue.toml``, best first."""

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from atre.errors import ConfigError, ModelProblem, ModelStoreError

Positive = Annotated[float, Meta(gt=0)]
Text = Annotated[str, Meta(min_length=1, max_length=300)]
Url = Annotated[str, Meta(pattern="^https://")]
Id = Annotated[str, Meta(pattern=r"^[a-z0-9]+([.-][a-z0-9]+)+$")]
# What may be named as unverified.
Fact = Literal[
    "repo", "file", "licence", "openness", "languages", "parameters_b", "active_parameters_b",
    "size_gb", "context_tokens",
]  # fmt: skip
_BILLION = 10**9


class Licence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a licence allows and forbids, in plain words; no legal advice."""

    title: Text
    url: Url
    summary: Text
    summary_fr: Text


class CatalogueModel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model and the one file of it that the box fetches; None is unknown.

    ``catalogue.toml`` explains the keys. ``unverified`` names those that nothing public confirmed.
    ``source`` and ``date`` say where the facts are from.
    """

    id: Id
    title: Text
    kind: Literal["chat", "embedding"]
    origin: Text
    repo: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$")]
    file: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][\w.-]*\.gguf$")]
    licence: str
    openness: Literal["open weights", "open source"]
    languages: Annotated[tuple[Annotated[str, Meta(pattern="^[a-z]{2}$")], ...], Meta(min_length=1)]
    parameters_b: Positive
    bits: Positive
    good_for: Text
    good_for_fr: Text
    source: Url
    date: Annotated[str, Meta(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
    active_parameters_b: Positive | None = None
    size_gb: Positive | None = None
    context_tokens: Annotated[int, Meta(ge=1)] | None = None
    unverified: tuple[Fact, ...] = ()

    @property
    def weights_bytes(self) -> int:
        """The published size, or what so many weights of so many bits come to."""
        if self.size_gb is not None:
            return round(self.size_gb * _BILLION)
        return round(self.parameters_b * _BILLION * self.bits / 8)

    @property
    def active_bytes(self) -> int:
        """What one token reads: a mixture of experts asks only some of them."""
        share = (self.active_parameters_b or self.parameters_b) / self.parameters_b
        return round(self.weights_bytes * share)


class Catalogue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Models, best first, and their licences by id."""

    licences: dict[str, Licence]
    models: tuple[CatalogueModel, ...]

    def find(self, model_id: str) -> CatalogueModel:
        """Raises ModelStoreError for an id that is not there."""
        for model in self.models:
            if model.id == model_id:
                return model
        raise ModelStoreError(
            f"{model_id!r} is not in the catalogue. `atre model list --catalogue` shows what is; "
            "any other model of the hub is named OWNER/REPOSITORY/FILE.gguf.",
            f"{model_id!r} n’est pas au catalogue. `atre model list --catalogue` le "
            "montre\N{NO-BREAK SPACE}; tout autre modèle du hub se nomme "
            "PROPRIÉTAIRE/DÉPÔT/FICHIER.gguf.",
            problem=ModelProblem.UNKNOWN,
        )


def load_catalogue(path: Path | None = None) -> Catalogue:
    """The catalogue that comes with the program, or another file.

    Raises ConfigError, naming file and key, for invalid TOML, unknown or missing keys, wrong
    values, an id that is there twice and a licence that is not described.
    """
    file = path or Path(str(files("atre.models") / "catalogue.toml"))
    try:
        document = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error.strerror}).") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: is not valid TOML: {error}.") from error
    try:
        catalogue = msgspec.convert(document, Catalogue)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{file}: {error}.") from error
    _check(file, catalogue)
    return catalogue


def _check(file: Path, catalogue: Catalogue) -> None:
    seen: set[str] = set()
    for model in catalogue.models:
        if model.id in seen:
            raise ConfigError(f"{file}: the id {model.id} is there twice.")
        seen.add(model.id)
        if model.licence not in catalogue.licences:
            raise ConfigError(f"{file}: {model.id} has licence {model.licence!r}, not described.")
        if (model.active_parameters_b or 0) > model.parameters_b:
            raise ConfigError(f"{file}: {model.id} has more active parameters than parameters.")
