# SPDX-License-Identifier: Apache-2.0
import datetime as dt
import logging
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from atre.backend_libraries import hiding
from atre.engine_plan import EnginePlan
from atre.errors import EngineError
from atre.hardware.ask import ask
from atre.hardware.machine import Issue, IssueCode, Machine
from atre.hardware.profiles import Profile
from atre.models.footprint import SHORT_CONTEXT_TOKENS, token_bytes
from atre.models.gguf_header import GgufHeader
from atre.plan.fit import fit
from atre.plan.race.candidates import Candidate, Field, candidates, identity
from atre.plan.race.record import RaceRecord
from atre.plan.race.verdict import Result, Speed, Verdict, judge
from atre.system.notify import notify

_log = logging.getLogger(__name__)

# Drivers compile their programs at the first run; a slow disk reads this many bytes a second.
_START_LIMIT_S = 60.0
_DISK_BYTES_S = 50e6
_AFTERWARDS_S = 120.0  # for what a service manager waits for once the race is over
_GRACE_S = 5.0  # before the child ends itself, should nobody be there to end it

Command = Callable[[Candidate, Path, float], tuple[str, ...]]


def measure_command(_candidate: Candidate, plan: Path, limit_s: float) -> tuple[str, ...]:
    """The child that measures one candidate."""
    return (
        sys.executable,
        "-P",
        "-m",
        "atre.plan.race.measure",
        str(plan),
        f"{limit_s + _GRACE_S:g}",
    )


class Race:
    """The processor against each GPU that llama.cpp sees, one child process each, in turn."""

    def __init__(
        self,
        state_dir: Path,
        *,
        command: Command = measure_command,
        time_limit_s: float | None = None,
    ) -> None:
        """``time_limit_s`` bounds each candidate; None allows for the size of the model."""
        self._record = RaceRecord(state_dir)
        self._command = command
        self._time_limit_s = time_limit_s

    def remembered(self, machine: Machine, header: GgufHeader) -> Verdict | None:
        """The verdict of a race of these devices with this model and llama.cpp, if any."""
        field = _field(machine, header)
        verdicts = (verdict for verdict in self._record.verdicts() if verdict.field == field)
        return next(verdicts, None)

    def settle(self, machine: Machine, profile: Profile, header: GgufHeader) -> Verdict | None:
        """The remembered verdict, or that of a race now; None if there is only the processor.

        One that was measured while others kept the machine busy is measured again.
        """
        if len(candidates(machine)) == 1:
            return None
        verdict = self.remembered(machine, header)
        if verdict is not None and not verdict.is_provisional:
            return verdict
        lost = self._record.lost_attempt(_field(machine, header))
        return self._race(machine, profile, header, lost=lost)

    def run(
        self, machine: Machine, profile: Profile, header: GgufHeader, *, eco: bool | None = None
    ) -> Verdict:
        """Race now and remember the verdict; ``eco`` None keeps what was asked for last time."""
        return self._race(machine, profile, header, eco=eco)

    def _race(
        self,
        machine: Machine,
        profile: Profile,
        header: GgufHeader,
        *,
        eco: bool | None = None,
        lost: str | None = None,
    ) -> Verdict:
        """``lost`` took the machine or the box down when it raced, and is not given the chance."""
        field = _field(machine, header)
        if eco is None:
            eco = any(verdict.eco for verdict in self._record.verdicts()[:1])
        results: list[Result] = []
        for candidate in field.candidates:
            _log.info("measuring the model on %s (%s)", candidate.name, candidate.description)
            if candidate.name == lost:
                detail = "the machine or the box stopped while it was measured"
                result = Result(name=lost, problem=IssueCode.CRASHED, detail=detail)
            else:
                self._remember(partial(self._record.begin, candidate.name, field))
                result = self._measure(candidate, machine, profile, header)
            results.append(result)
        date = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        verdict = msgspec.structs.replace(
            judge(field, results, eco=eco, date=date),
            token_bytes=token_bytes(header, profile.run.kv_type, SHORT_CONTEXT_TOKENS),
            is_mixture=header.is_mixture,
        )
        self._remember(partial(self._record.finish, verdict))
        _log.info("%s", verdict.reason)
        return verdict

    def _measure(
        self, candidate: Candidate, machine: Machine, profile: Profile, header: GgufHeader
    ) -> Result:
        name = candidate.name
        try:
            plan = fit(machine, profile, header, device=name)
        except EngineError as error:
            return Result(name=name, problem=IssueCode.FAILED, detail=str(error))
        if candidate.kind != "processor" and plan.n_gpu_layers == 0:
            detail = "no layer of the model fits in its memory"
            return Result(name=name, problem=IssueCode.FAILED, detail=detail)
        answer = self._ask(candidate, plan, machine)
        if isinstance(answer, Issue):
            return Result(name=name, problem=answer.code, detail=answer.detail)
        try:
            return Result(name=name, speed=msgspec.json.decode(answer, type=Speed))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return Result(name=name, problem=IssueCode.MALFORMED, detail=str(error))

    def _ask(self, candidate: Candidate, plan: EnginePlan, machine: Machine) -> bytes | Issue:
        size_bytes = Path(plan.model_path).stat().st_size
        limit_s = self._time_limit_s or _START_LIMIT_S + size_bytes / _DISK_BYTES_S
        notify(
            f"STATUS=measuring the model on {candidate.name}",
            f"EXTEND_TIMEOUT_USEC={round((limit_s + _AFTERWARDS_S) * 1e6)}",
        )
        with tempfile.NamedTemporaryFile(suffix=".json") as file:
            file.write(msgspec.json.encode(plan))
            file.flush()
            command = self._command(candidate, Path(file.name), limit_s)
            return ask(command, limit_s, hiding(machine.hidden_backends))

    def _remember(self, write: Callable[[], None]) -> None:
        """A full disk costs a race at the next start, not this one."""
        try:
            write()
        except OSError as error:
            _log.warning("the race cannot be remembered: %s", error)


def _field(machine: Machine, header: GgufHeader) -> Field:
    try:
        llama_version = version("llama-cpp-python")
    except PackageNotFoundError:
        llama_version = "unknown"
    return Field(
        candidates=candidates(machine),
        model=identity(Path(header.path)),
        llama_version=llama_version,
    )
