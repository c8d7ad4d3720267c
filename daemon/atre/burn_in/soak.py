# SPDX-License-Identifier: Apache-2.0
import contextlib
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import IO

import msgspec

from atre.burn_in.results import SoakResult
from atre.burn_in.soak_child import Answer
from atre.burn_in.turn import Turn
from atre.engine_plan import EnginePlan
from atre.plan.race.load import between, moment

# Loading a large model from a slow disk, and drivers that compile their programs first.
_SILENCE_LIMIT_S = 600.0
_GRACE_S = 5.0
_POLL_S = 0.5
# Fewer answers than this have no beginning and end that could be told apart.
_MIN_ANSWERS = 6
_MAX_COMPLAINT_BYTES = 2**16

Command = Callable[[Path], tuple[str, ...]]


def soak_command(plan: Path) -> tuple[str, ...]:
    """The child that has the model write."""
    return (sys.executable, "-P", "-m", "atre.burn_in.soak_child", str(plan))


class SoakProbe:
    """Has the engine write without a pause, in a child process, and watches its speed."""

    def __init__(
        self,
        plan: EnginePlan,
        *,
        command: Command = soak_command,
        silence_limit_s: float = _SILENCE_LIMIT_S,
    ) -> None:
        self._plan = plan
        self._command = command
        self._silence_limit_s = silence_limit_s

    def run(self, turn: Turn) -> SoakResult:
        before = moment()
        answers, problem = self._answers(turn)
        load = between(before, moment(), threads=0)
        return summed_up(
            Path(self._plan.model_path).name,
            answers,
            problem,
            is_disturbed=load.stalled_s is not None and load.is_disturbed,
        )

    def _answers(self, turn: Turn) -> tuple[list[Answer], str]:
        answers: list[Answer] = []
        with (
            tempfile.NamedTemporaryFile(suffix=".json") as plan,
            tempfile.TemporaryFile() as complaint,
        ):
            plan.write(msgspec.json.encode(self._plan))
            plan.flush()
            with _child(self._command(Path(plan.name)), complaint) as child:
                problem = self._listen(child, answers, turn)
            if problem and child.returncode is not None:
                problem = _last_words(complaint, child.returncode) or problem
        return answers, problem

    def _listen(self, child: subprocess.Popen[bytes], answers: list[Answer], turn: Turn) -> str:
        """Take answers until the turn is over and there is one; why there are no more, if not."""
        assert child.stdout is not None  # noqa: S101 -- it is a pipe
        quiet_s, rest = 0.0, b""
        while not (turn.is_over() and answers):
            turn.tell()
            ready, _, _ = select.select([child.stdout], [], [], _POLL_S)
            if not ready:
                quiet_s += _POLL_S
                if quiet_s >= self._silence_limit_s:
                    return f"no answer within {self._silence_limit_s:g} s"
                continue
            quiet_s = 0.0
            read = os.read(child.stdout.fileno(), 2**16)
            if not read:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(_GRACE_S)
                return "it ended"
            *lines, rest = (rest + read).split(b"\n")
            answers += [msgspec.json.decode(line, type=Answer) for line in lines]
        return ""


def summed_up(
    model: str, answers: Sequence[Answer], problem: str, *, is_disturbed: bool
) -> SoakResult:
    """What the answers say together. The first one is left out of speeds: clocks go up in it."""
    speeds = [answer.tokens / answer.seconds for answer in answers[1:]]
    third = len(speeds) // 3
    is_enough = len(speeds) >= _MIN_ANSWERS
    return SoakResult(
        model=model,
        answers=len(answers),
        tokens=sum(answer.tokens for answer in answers),
        seconds=sum(answer.seconds for answer in answers),
        first_tokens_s=median(speeds[:third]) if is_enough else None,
        last_tokens_s=median(speeds[-third:]) if is_enough else None,
        slowest_tokens_s=min(speeds, default=None),
        is_disturbed=is_disturbed,
        problem=problem,
    )


@contextlib.contextmanager
def _child(command: tuple[str, ...], complaint: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaint,
        start_new_session=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        assert process.stdin is not None  # noqa: S101 -- both are pipes
        assert process.stdout is not None  # noqa: S101
        process.stdin.close()
        try:
            process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE_S)  # one that is stuck inside a driver ignores even that
        process.stdout.close()


def _last_words(complaint: IO[bytes], code: int) -> str:
    if code < 0:
        return f"killed by signal {-code} ({signal.strsignal(-code)})"
    complaint.seek(0)
    lines = complaint.read(_MAX_COMPLAINT_BYTES).decode("utf-8", "replace").splitlines()
    return lines[-1] if lines else ""
