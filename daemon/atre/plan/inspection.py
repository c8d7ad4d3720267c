# SPDX-License-Identifier: Apache-2.0
"""Everything that can be said of a machine and a model at once, for ``detect`` and ``doctor``."""

from pathlib import Path

import msgspec

from atre.engine_plan import EnginePlan
from atre.errors import EngineError
from atre.hardware.choose import Choice, choose
from atre.hardware.explain import puts_layers_on_gpu
from atre.hardware.machine import Machine
from atre.hardware.profiles import load_profiles
from atre.hardware.usage import DeviceUse, Outcome, device_uses
from atre.models.gguf_header import read_header
from atre.plan.planning import factory_model_path, outcome, plan_with
from atre.plan.race.race import Race
from atre.plan.race.verdict import Verdict
from atre.plan.rehearsal import Rehearsal
from atre.plan.speed.record import Known, SpeedRecord
from atre.sentence import NOTHING, Sentence


class Inspection(msgspec.Struct, frozen=True, kw_only=True):
    """A machine, its profile, the model's plan, and what becomes of each device.

    ``problem`` says why there is no plan, nothing if there is one.
    """

    machine: Machine
    choice: Choice
    plan: EnginePlan | None
    problem: Sentence
    verdict: Verdict | None
    outcome: Outcome | None
    uses: tuple[DeviceUse, ...]


def inspect(
    machine: Machine,
    profiles_dir: Path,
    model: Path | None = None,
    race: Race | None = None,
    record: SpeedRecord | None = None,
    *,
    race_now: bool = False,
    eco: bool = False,
) -> Inspection:
    """Look at ``model``, or the factory model, on ``machine``.

    A remembered race counts, and so do the speeds of ``record``; ``race_now`` runs one. Raises
    ConfigError for wrong profiles.
    """
    choice = choose(machine, load_profiles(profiles_dir))
    plan, problem, verdict = None, NOTHING, None
    try:
        header = read_header(model or factory_model_path())
        if race is not None:
            verdict = (
                race.run(machine, choice.profile, header, eco=eco)
                if race_now
                else race.remembered(machine, header)
            )
        # Only this machine has a race, and only on it can a load be rehearsed.
        rehearse = Rehearsal(machine) if race is not None else None
        known = record.known(machine) if record is not None else Known()
        plan = plan_with(machine, choice.profile, header, verdict, rehearse, known)
    except EngineError as error:
        problem = error.sentence
    decided = outcome(plan, choice.profile, verdict)
    runs_on_gpu = puts_layers_on_gpu(choice, plan)
    return Inspection(
        machine=machine,
        choice=choice,
        plan=plan,
        problem=problem,
        verdict=verdict,
        outcome=decided,
        uses=device_uses(machine, runs_on_gpu=runs_on_gpu, outcome=decided),
    )
