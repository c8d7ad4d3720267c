# SPDX-License-Identifier: Apache-2.0
"""From a machine and a model file to how the engine runs: detect, choose, fit."""

from importlib.resources import files
from pathlib import Path

import msgspec

from atre.config import Config
from atre.engine_plan import EnginePlan
from atre.errors import EngineError, ModelLoadError
from atre.fit import fit
from atre.hardware.choose import Choice, choose
from atre.hardware.detect import detect
from atre.hardware.machine import Machine
from atre.hardware.profiles import load_profiles
from atre.models.gguf_header import read_header


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """This machine, the profile that fits it, and the engine's plan or why there is none."""

    machine: Machine
    choice: Choice
    plan: EnginePlan | None
    no_model_reason: str


class ProfileNote(msgspec.Struct, frozen=True, kw_only=True):
    """What the management daemon tells of the plan."""

    profile: str
    profile_fr: str
    reason: str
    reason_fr: str
    issues: list[str]


def plan_engine(config: Config) -> Planned:
    """Look at the machine and the model and decide how to run it.

    A model that cannot be used gives no plan and the reason; a wrong profile raises ConfigError.
    """
    machine = detect()
    choice = choose(machine, load_profiles(config.profiles_dir))
    try:
        header = read_header(model_path(config))
        plan, reason = fit(machine, choice.profile, header), ""
    except EngineError as error:
        plan, reason = None, str(error)
    return Planned(machine=machine, choice=choice, plan=plan, no_model_reason=reason)


def model_path(config: Config) -> Path:
    """The model file: the one that was asked for, or the factory model.

    A name without a path is looked for among the models in the data directory. Raises
    ModelLoadError for a name that is not there.
    """
    if config.model is None:
        return factory_model_path()
    asked = Path(config.model).expanduser()
    if asked.exists() or asked.parent != Path():
        return asked.resolve()
    stored = config.data_dir / "models" / f"{asked.name.removesuffix('.gguf')}.gguf"
    if not stored.exists():
        raise ModelLoadError(
            f"There is no model {config.model!r}: neither a file of that name here nor "
            f"{stored}. Give the path of a GGUF file."
        )
    return stored


def factory_model_path() -> Path:
    """The small model that comes with the program."""
    return Path(str(files("atre.models") / "factory.gguf"))


def note(planned: Planned) -> ProfileNote:
    """What people may want to know of the plan, for the status page."""
    issues = [planned.no_model_reason] if planned.no_model_reason else []
    return ProfileNote(
        profile=planned.choice.profile.title,
        profile_fr=planned.choice.profile.title_fr,
        reason=planned.choice.reason,
        reason_fr=planned.choice.reason_fr,
        issues=issues + (planned.plan.issues if planned.plan else []),
    )
