# SPDX-License-Identifier: Apache-2.0
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping

from atre.hardware.machine import Issue, IssueCode

_MAX_ANSWER_BYTES = 2**20
_GRACE_S = 1.0  # a process stuck inside a driver ignores even SIGKILL; it is then left behind


def ask(
    command: tuple[str, ...], time_limit_s: float, environment: Mapping[str, str] | None = None
) -> bytes | Issue:
    """Standard output of a child process, or why there is none; never waits much past the limit.

    ``environment`` is added to this process's. The answer goes through a file, so that a grandchild
    holding a pipe open cannot block us.
    """
    source = " ".join(command[-2:])
    with tempfile.TemporaryFile() as answer, tempfile.TemporaryFile() as complaint:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=answer,
                stderr=complaint,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )
        except OSError as error:
            return Issue(IssueCode.FAILED, source, f"cannot be started ({error.strerror})")
        try:
            code = process.wait(time_limit_s)
        except subprocess.TimeoutExpired:
            _kill(process)
            return Issue(IssueCode.TIMED_OUT, source, f"no answer within {time_limit_s:g} s")
        except BaseException:  # Ctrl-C, which a child in a session of its own does not hear
            _kill(process)
            raise
        if code < 0:
            return Issue(
                IssueCode.CRASHED, source, f"killed by signal {-code} ({signal.strsignal(-code)})"
            )
        if code > 0:
            complaint.seek(0)
            lines = complaint.read(_MAX_ANSWER_BYTES).decode("utf-8", "replace").splitlines()
            return Issue(IssueCode.FAILED, source, lines[-1] if lines else f"exit status {code}")
        answer.seek(0)
        return answer.read(_MAX_ANSWER_BYTES)


def _kill(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    try:
        process.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        return
