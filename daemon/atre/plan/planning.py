# SPDX-License-Identifier: Apache-2.0
"""From a machine and a model file to how the engine runs: detect, choose, race, fit."""

from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path

import msgspec
from msgspec.structs import replace

from atre.config import Config
from atre.embedder.encoder import MAX_INPUT_TOKENS
from atre.engine_plan import EnginePlan, with_words
from atre.errors import EngineError, ModelLoadError, ModelStoreError
from atre.hardware.choose import Choice, choose
from atre.hardware.explain import puts_layers_on_gpu
from atre.hardware.machine import GgmlDevice, Machine
from atre.hardware.profiles import Profile, load_profiles
from atre.hardware.remedies import words
from atre.hardware.threads import count_threads
from atre.hardware.usage import Outcome, UseCode, device_uses
from atre.models.footprint import buffer_bytes, kv_cell_bytes
from atre.models.gguf_header import GgufHeader, read_header
from atre.models.store import Store
from atre.plan import fit_words
from atre.plan.adapters import Found, find, with_adapters, with_room
from atre.plan.fit import Rehearse, fit
from atre.plan.race.race import Race
from atre.plan.race.verdict import Verdict, use_codes
from atre.plan.rehearsal import Rehearsal
from atre.plan.speed.estimate import Subject
from atre.plan.speed.outlook import outlook, subject
from atre.plan.speed.record import Known, SpeedRecord
from atre.sentence import NOTHING, Sentence

_NOTHING_KNOWN = Known()


class EmbedderPlan(msgspec.Struct, frozen=True, kw_only=True):
    """How the embedding model runs: ``path`` None says that it cannot, and the reason why.

    ``memory_bytes`` is what it takes of main memory once loaded, estimated from above.
    """

    path: Path | None
    threads: int
    memory_bytes: int
    no_model_reason: Sentence


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """This machine, the profile that fits it, and the engine's plan or why there is none.

    ``verdict`` is None where only the processor can compute. ``embedder`` is None unless an
    embedding model was asked for. Of ``subject`` the engine's counters will tell the speed.
    """

    machine: Machine
    choice: Choice
    plan: EnginePlan | None
    no_model_reason: Sentence
    verdict: Verdict | None
    embedder: EmbedderPlan | None
    subject: Subject | None = None


class ProfileNote(msgspec.Struct, frozen=True, kw_only=True):
    """What the management daemon tells of the plan."""

    profile: str
    profile_fr: str
    reason: str
    reason_fr: str
    issues: list[str]
    issues_fr: list[str]


def plan_engine(config: Config, machine: Machine, race: Race | None = None) -> Planned:
    """Look at the models and decide how to run them on this machine.

    Devices that were never compared with this model race first, which takes seconds. A model that
    cannot be used gives no plan and the reason; a wrong profile raises ConfigError.
    """
    choice = choose(machine, load_profiles(config.profiles_dir))
    embedder = plan_embedder(config, machine)
    left = without_memory(machine, embedder.memory_bytes) if embedder else machine
    race = race or Race(config.state_dir)
    plan, reason, verdict, header = None, NOTHING, None, None
    try:
        plan, verdict, header = _plan(config, left, choice, race)
    except EngineError as error:
        reason = error.sentence
    return Planned(
        machine=machine,
        choice=choice,
        plan=plan,
        no_model_reason=reason,
        verdict=verdict,
        embedder=embedder,
        subject=subject(machine, header, plan) if plan and header else None,
    )


def plan_with(
    machine: Machine,
    profile: Profile,
    header: GgufHeader,
    verdict: Verdict | None,
    rehearse: Rehearse | None = None,
    known: Known = _NOTHING_KNOWN,
) -> EnginePlan:
    """The plan for the device that won, its speed, and the race's reason and failures.

    Raises ModelLoadError as ``fit`` does.
    """
    winner = verdict.winner if verdict else None
    plan = fit(machine, profile, header, device=winner, rehearse=rehearse)
    plan = replace(plan, speed=outlook(machine, profile, header, plan, known))
    if verdict is None:
        return plan
    failures = [fit_words.left_out(result.name, result.detail) for result in verdict.failures]
    plan = with_words(plan, reasons=[Sentence(verdict.reason, verdict.reason_fr)])
    return _with_last(plan, failures)


def _with_last(plan: EnginePlan, issues: Sequence[Sentence]) -> EnginePlan:
    return replace(
        plan,
        issues=[*plan.issues, *(each.text for each in issues)],
        issues_fr=[*plan.issues_fr, *(each.text_fr for each in issues)],
    )


def outcome(plan: EnginePlan | None, profile: Profile, verdict: Verdict | None) -> Outcome | None:
    """What became of the devices; None where llama.cpp or nobody decided."""
    if plan is None or (plan.n_gpu_layers and plan.device is None):
        return None
    refused = use_codes(verdict) if verdict else {}
    if plan.n_gpu_layers:
        return Outcome(chosen=plan.device, refused=refused)
    keeps_processor = profile.run.layers_on_gpu == "none"
    otherwise = UseCode.PROFILE_KEEPS_PROCESSOR if keeps_processor else UseCode.DOES_NOT_FIT
    return Outcome(chosen=None, refused=refused, otherwise=otherwise)


def _plan(
    config: Config, machine: Machine, choice: Choice, race: Race
) -> tuple[EnginePlan, Verdict | None, GgufHeader]:
    """The model of the command line, else the chosen one, else the factory model."""
    chosen = model_store(config.data_dir).chosen() if config.model is None else None
    if chosen is None:
        asked = config.model or str(factory_model_path())
        return _plan_model(asked, config, machine, choice, race)
    try:
        return _plan_model(chosen, config, machine, choice, race)
    except EngineError as error:
        factory = Found(factory_model_path())
        plan, verdict, header = _plan_found(factory, config, machine, choice, race)
        issue = fit_words.factory_instead(chosen, error.sentence)
        return with_words(plan, issues=[issue]), verdict, header


def _plan_model(
    asked: str, config: Config, machine: Machine, choice: Choice, race: Race
) -> tuple[EnginePlan, Verdict | None, GgufHeader]:
    store, rows = model_store(config.data_dir), choice.profile.run.micro_batch_tokens
    found = find(asked, store, n_ubatch=rows)
    return _plan_found(found, config, machine, choice, race)


def _plan_found(
    found: Found, config: Config, machine: Machine, choice: Choice, race: Race
) -> tuple[EnginePlan, Verdict | None, GgufHeader]:
    header = read_header(found.path)
    verdict = race.settle(machine, choice.profile, header)
    known = SpeedRecord(config.state_dir).known(machine)
    room = with_room(header, found)
    plan = plan_with(machine, choice.profile, room, verdict, Rehearsal(machine), known)
    return with_adapters(plan, found.adapters), verdict, header


def plan_embedder(config: Config, machine: Machine) -> EmbedderPlan | None:
    """How to run the embedding model, None if none was asked for.

    It gets a quarter of the cores: a thread on the same core as one of the engine's makes every
    step of every chat wait.
    """
    if config.embedding_model is None:
        return None
    threads = max(1, count_threads(machine.cpu, "physical")[0] // 4)
    try:
        header = read_header(_find(config.embedding_model, config.data_dir))
    except EngineError as error:
        return EmbedderPlan(
            path=None, threads=threads, memory_bytes=0, no_model_reason=error.sentence
        )
    rows = MAX_INPUT_TOKENS
    buffers = buffer_bytes(header, n_ctx=rows, n_ubatch=rows, num_slots=0, flash_attention=True)
    cells = rows * kv_cell_bytes(header, "f16")
    return EmbedderPlan(
        path=Path(header.path),
        threads=threads,
        memory_bytes=header.weights_bytes + buffers + cells,
        no_model_reason=NOTHING,
    )


def without_memory(machine: Machine, used_bytes: int) -> Machine:
    """The machine as it is once a process has taken so much of its main memory."""
    memory = machine.memory
    return replace(
        machine,
        memory=replace(
            memory,
            available_bytes=_less(memory.available_bytes, used_bytes),
            limit_bytes=_less(memory.limit_bytes, used_bytes),
        ),
    )


def _less(size_bytes: int | None, used_bytes: int) -> int | None:
    return None if size_bytes is None else max(0, size_bytes - used_bytes)


def chosen_model_path(data_dir: Path) -> Path:
    """The stored model that the box would answer with, the factory model if none was chosen.

    Raises ModelLoadError if its file is gone, or the store cannot be read.
    """
    try:
        chosen = model_store(data_dir).chosen()
    except ModelStoreError as error:
        raise ModelLoadError(str(error), error.french) from error
    return factory_model_path() if chosen is None else _find(chosen, data_dir)


def _find(asked: str, data_dir: Path) -> Path:
    return find(asked, model_store(data_dir), n_ubatch=0).path


def model_store(data_dir: Path) -> Store:
    """The models that the box keeps."""
    return Store(data_dir / "models")


def factory_model_path() -> Path:
    """The small model that comes with the program."""
    return Path(str(files("atre.models") / "factory.gguf"))


def note(planned: Planned) -> ProfileNote:
    """What people may want to know of the plan, for the status page."""
    reasons = [
        planned.no_model_reason,
        planned.embedder.no_model_reason if planned.embedder else NOTHING,
    ]
    issues = [reason for reason in reasons if reason != NOTHING]
    why, plan = list(_why(planned)), planned.plan
    return ProfileNote(
        profile=planned.choice.profile.title,
        profile_fr=planned.choice.profile.title_fr,
        reason="; ".join(english for english, _ in why),
        reason_fr="\N{NO-BREAK SPACE}; ".join(french for _, french in why),
        issues=[each.text for each in issues] + (plan.issues if plan else []),
        issues_fr=[each.text_fr for each in issues] + (plan.issues_fr if plan else []),
    )


def _why(planned: Planned) -> Iterator[tuple[str, str]]:
    """In English and French: the profile, the race, and why each GPU that stands idle does."""
    choice, plan, verdict = planned.choice, planned.plan, planned.verdict
    yield choice.reason, choice.reason_fr
    if verdict is not None:
        yield verdict.reason.rstrip("."), verdict.reason_fr.rstrip(".")
    uses = device_uses(
        planned.machine,
        runs_on_gpu=puts_layers_on_gpu(choice, plan),
        outcome=outcome(plan, choice.profile, verdict),
    )
    for use in uses:
        if use.code is not UseCode.USED and use.npu_state is None:
            text, device = words(use), use.device
            place = device.name if isinstance(device, GgmlDevice) else device.address
            yield (
                f"{place}: {text.reason}. {text.remedy}",
                f"{place}\N{NO-BREAK SPACE}: {text.reason_fr}. {text.remedy_fr}",
            )
