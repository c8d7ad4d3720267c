# SPDX-License-Identifier: Apache-2.0
"""Machine classes as data, one TOML file each; hardware-profiles/README.md explains every key."""

import tomllib
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from atre.engine_plan import MAX_SLOTS, KvType
from atre.errors import ConfigError
from atre.hardware.cpu import CPU_FLAGS
from atre.hardware.machine import DeviceType

Positive = Annotated[int, Meta(ge=1)]
PciId = Annotated[str, Meta(pattern="^[0-9a-f]{4}:[0-9a-f]{4}$")]
PciVendor = Annotated[str, Meta(pattern="^[0-9a-f]{4}$")]
PciClass = Annotated[str, Meta(pattern="^[0-9a-f]{4}$")]
GfxTarget = Annotated[str, Meta(pattern="^gfx[0-9a-f]{3,5}$")]
ModelId = Annotated[str, Meta(pattern="^[a-z0-9]+([.-][a-z0-9]+)+$")]
HttpUrl = Annotated[str, Meta(pattern="^https://")]
IsoDate = Annotated[str, Meta(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]

_AMD = "1002"
_GPU_TYPES = frozenset({DeviceType.GPU, DeviceType.IGPU, DeviceType.META})


class MatchRules(msgspec.Struct, frozen=True, kw_only=True):
    """What a machine must be; a rule that is left out asks for nothing."""

    os: Literal["linux", "macos"] | None = None
    architectures: tuple[str, ...] = ()
    pci_ids: tuple[PciId, ...] = ()
    gfx: tuple[GfxTarget, ...] = ()
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

    what: Annotated[str, Meta(min_length=1)]
    value: Annotated[float, Meta(gt=0)]
    unit: Literal["tokens/s", "W", "GB/s"]
    source: HttpUrl
    date: IsoDate


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """One machine class; ``name`` is the file's name without ``.toml``.

    ``models`` are ids of the model catalogue, best first.
    """

    name: str
    title: str
    title_fr: str
    match: MatchRules
    run: RunSettings
    models: tuple[ModelId, ...] = ()
    figures: tuple[Figure, ...] = ()


def load_profiles(directory: Path) -> tuple[Profile, ...]:
    """Every ``*.toml`` in ``directory``, by name.

    Raises ConfigError, naming file, section and key, for a missing directory, invalid TOML,
    unknown or missing keys, wrong values, and rules that contradict each other or another file.
    """
    files = sorted(directory.glob("*.toml"))
    if not files:
        raise ConfigError(f"{directory}: there are no hardware profiles. Reinstall the program.")
    profiles = tuple(_load(file) for file in files)
    _check_twins(directory, profiles)
    return profiles


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
    models = document.pop("models", [])
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
        models=_value(file, "top level", "models", models, tuple[ModelId, ...]),
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
        values[name] = _value(file, section, name, table[name], field.type)
    return shape(**values)


def _value(file: Path, section: str, key: str, value: Any, shape: Any) -> Any:
    try:
        return msgspec.convert(value, type=shape)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{file}: [{section}] {key}: {error}.") from error


def _title(file: Path, key: str, title: Any) -> str:
    if not isinstance(title, str) or not title:
        raise ConfigError(f"{file}: [top level] {key} must be a text of one line.")
    return title


def _check(file: Path, profile: Profile) -> None:
    problems = (
        *_match_problems(profile.match),
        *_unknowable_problems(profile.match),
        *_run_problems(profile.run),
        *_gpu_problems(profile),
        *_list_problems(profile),
    )
    for section, problem in problems:
        raise ConfigError(f"{file}: [{section}] {problem}.")


def _match_problems(rules: MatchRules) -> Iterator[tuple[str, str]]:
    least, most = rules.min_memory_bytes, rules.max_memory_bytes
    if least is not None and most is not None and least > most:
        yield "match", "min_memory_bytes is above max_memory_bytes"
    if rules.gfx and rules.pci_vendors and _AMD not in rules.pci_vendors:
        yield "match", f"gfx is of AMD, but pci_vendors does not have {_AMD}"


def _unknowable_problems(rules: MatchRules) -> Iterator[tuple[str, str]]:
    """Rules about facts that detection never finds: they could not match, nor ever reject."""
    for flag in sorted(set(rules.cpu_flags) - CPU_FLAGS):
        yield "match", f"cpu_flags: {flag} is never looked for; {', '.join(sorted(CPU_FLAGS))} are"
    for key in ("compatible", "pci_ids", "gfx", "pci_vendors", "pci_classes"):
        if rules.os == "macos" and getattr(rules, key):
            yield "match", f"{key} cannot be known where os is macos"


def _gpu_problems(profile: Profile) -> Iterator[tuple[str, str]]:
    types = profile.match.device_types
    if types and not _GPU_TYPES.intersection(types) and profile.run.layers_on_gpu != "none":
        yield "run", "layers_on_gpu wants a GPU, but device_types of [match] has none"


def _list_problems(profile: Profile) -> Iterator[tuple[str, str]]:
    if len(set(profile.models)) < len(profile.models):
        yield "top level", "models names the same model twice"
    for figure in profile.figures:
        try:
            date.fromisoformat(figure.date)
        except ValueError as error:
            yield "figures", f"date {figure.date}: {error}"


def _run_problems(run: RunSettings) -> Iterator[tuple[str, str]]:
    for smaller, larger in (
        ("micro_batch_tokens", "batch_tokens"),
        ("slots", "batch_tokens"),
        ("sequence_tokens", "context_tokens"),
    ):
        if getattr(run, smaller) > getattr(run, larger):
            yield "run", f"{smaller} must not be above {larger}"
    if run.kv_type != "f16" and run.flash_attention == "off":
        yield "run", f"kv_type {run.kv_type} needs flash_attention"


def _check_twins(directory: Path, profiles: Sequence[Profile]) -> None:
    """Two files for the very same machines would be told apart by their names only."""
    first: dict[MatchRules, Profile] = {}
    for profile in profiles:
        twin = first.setdefault(profile.match, profile)
        if twin is not profile:
            raise ConfigError(
                f"{directory / profile.name}.toml: [match] has the same rules as {twin.name}.toml. "
                "Remove one of them, or make one more specific."
            )
