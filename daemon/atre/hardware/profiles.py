# SPDX-License-Identifier: Apache-2.0
"""Machine classes as data, one TOML file each; hardware-profiles/README.md explains every key."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from atre.engine_plan import MAX_SLOTS, KvType
from atre.errors import ConfigError
from atre.hardware.machine import DeviceType

Positive = Annotated[int, Meta(ge=1)]
PciId = Annotated[str, Meta(pattern="^[0-9a-f]{4}:[0-9a-f]{4}$")]
PciVendor = Annotated[str, Meta(pattern="^[0-9a-f]{4}$")]
PciClass = Annotated[str, Meta(pattern="^[0-9a-f]{4}$")]
HttpUrl = Annotated[str, Meta(pattern="^https://")]
IsoDate = Annotated[str, Meta(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]


class MatchRules(msgspec.Struct, frozen=True, kw_only=True):
    """What a machine must be; a rule that is left out asks for nothing."""

    os: Literal["linux", "macos"] | None = None
    architectures: tuple[str, ...] = ()
    pci_ids: tuple[PciId, ...] = ()
    pci_vendors: tuple[PciVendor, ...] = ()
    pci_classes: tuple[PciClass, ...] = ()
    compatible: tuple[str, ...] = ()
    product_vendors: tuple[str, ...] = ()
    product_names: tuple[str, ...] = ()
    cpu_flags: tuple[str, ...] = ()
    device_types: tuple[DeviceType, ...] = ()
    min_memory_bytes: Positive | None = None
    max_memory_bytes: Positive | None = None


class RunSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the engine runs on such a machine, before the model and the memory cut it down."""

    threads: Literal["performance", "physical", "logical"] | Positive
    threads_batch: Literal["performance", "physical", "logical"] | Positive
    context_tokens: Positive
    sequence_tokens: Positive
    slots: Annotated[int, Meta(ge=1, le=MAX_SLOTS)]
    layers_on_gpu: Literal["all", "none"] | Positive
    kv_type: KvType
    batch_tokens: Positive
    micro_batch_tokens: Positive
    flash_attention: Literal["auto", "on", "off"]
    reserve_bytes: Positive


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One published measurement; a figure without source and date is not accepted."""

    what: str
    value: float
    unit: Literal["tokens/s", "W", "GB/s"]
    source: HttpUrl
    date: IsoDate


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """One machine class; ``name`` is the file's name without ``.toml``."""

    name: str
    title: str
    title_fr: str
    match: MatchRules
    run: RunSettings
    figures: tuple[Figure, ...] = ()


def load_profiles(directory: Path) -> tuple[Profile, ...]:
    """Every ``*.toml`` in ``directory``, by name.

    Raises ConfigError, naming file, section and key, for a missing directory, invalid TOML,
    unknown or missing keys, wrong values and rules that contradict each other.
    """
    files = sorted(directory.glob("*.toml"))
    if not files:
        raise ConfigError(f"{directory}: there are no hardware profiles. Reinstall the program.")
    return tuple(_load(file) for file in files)


def _load(file: Path) -> Profile:
    try:
        document = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error.strerror}).") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: is not valid TOML: {error}.") from error
    figures = document.pop("figures", [])
    if not isinstance(figures, list):
        raise ConfigError(f"{file}: [figures] must be written as [[figures]].")
    titles = {key: document.pop(key, None) for key in ("title", "title_fr")}
    head = {"match": {}, "run": None} | document
    unknown = head.keys() - {"match", "run"}
    if unknown:
        raise ConfigError(f"{file}: [{min(unknown)}] is not a known section or key.")
    profile = Profile(
        name=file.stem,
        **{key: _title(file, key, text) for key, text in titles.items()},
        match=_section(file, "match", head["match"], MatchRules),
        run=_section(file, "run", head["run"], RunSettings),
        figures=tuple(_section(file, "figures", figure, Figure) for figure in figures),
    )
    _check(file, profile)
    return profile


_Section = TypeVar("_Section", bound=msgspec.Struct)


def _section(file: Path, section: str, table: Any, shape: type[_Section]) -> _Section:
    """Convert key by key, so that an error can name the key without parsing a message."""
    if not isinstance(table, dict):
        raise ConfigError(f"{file}: [{section}] must hold keys, but it is missing or a value.")
    fields = {field.name: field for field in msgspec.structs.fields(shape)}
    unknown = table.keys() - fields.keys()
    if unknown:
        raise ConfigError(
            f"{file}: [{section}] {min(unknown)} is not a known key; the keys are "
            f"{', '.join(sorted(fields))}."
        )
    values: dict[str, Any] = {}
    for name, field in fields.items():
        if name not in table:
            if field.required:
                raise ConfigError(f"{file}: [{section}] {name} is missing.")
            continue
        try:
            values[name] = msgspec.convert(table[name], type=field.type)
        except msgspec.ValidationError as error:
            raise ConfigError(f"{file}: [{section}] {name}: {error}.") from error
    return shape(**values)


def _title(file: Path, key: str, title: Any) -> str:
    if not isinstance(title, str) or not title:
        raise ConfigError(f"{file}: [top level] {key} must be a text of one line.")
    return title


def _check(file: Path, profile: Profile) -> None:
    rules, run = profile.match, profile.run
    least, most = rules.min_memory_bytes, rules.max_memory_bytes
    if least is not None and most is not None and least > most:
        raise ConfigError(f"{file}: [match] min_memory_bytes is above max_memory_bytes.")
    for section, smaller, larger in (
        ("run", "micro_batch_tokens", "batch_tokens"),
        ("run", "slots", "batch_tokens"),
        ("run", "sequence_tokens", "context_tokens"),
    ):
        if getattr(run, smaller) > getattr(run, larger):
            raise ConfigError(f"{file}: [{section}] {smaller} must not be above {larger}.")
    if run.kv_type != "f16" and run.flash_attention == "off":
        raise ConfigError(f"{file}: [run] kv_type {run.kv_type} needs flash_attention.")
