# SPDX-License-Identifier: Apache-2.0
"""One restic process: its password over a pipe, its JSON as events, its status as our errors."""

import contextlib
import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from atre.backup.failure import error_for, is_fault_of_disk
from atre.errors import BackupError

# Of the engine's cores, one at most; SCHED_IDLE decides when (atre.system.cpu_policy).
_ENVIRONMENT = {"GOMAXPROCS": "1", "RESTIC_PROGRESS_FPS": "2", "TZ": "UTC"}
_LEFT_OUT = ("RESTIC_", "AWS_", "B2_")
_STOP_S = 10.0
# "Save(<data/0123456789>) returned error, retrying after 1.5s: …", or "… failed: …"
_FAULT = re.compile(r"\w+\(<.*>.*\) (returned error, retrying after [^:]+|failed): (?P<fault>.+)")
_MAX_SAID = 20

OnEvent = Callable[[dict[str, object]], None]


class Restic:
    """Runs restic on one repository. Nothing secret is in its arguments or its environment."""

    def __init__(
        self, program: Path, repository: str, password: str, options: Sequence[str] = ()
    ) -> None:
        self._program = program
        self.repository = repository
        self._password = password
        self._options = options

    def run(
        self,
        *arguments: str,
        on_event: OnEvent | None = None,
        new_password: str | None = None,
        cwd: Path | None = None,
    ) -> list[dict[str, object]]:
        """Its objects of JSON, those of a list one by one. Raises BackupError.

        ``on_event`` gets each object as it comes; then none is kept.
        """
        kept: list[dict[str, object]] = []
        said: list[str] = []
        with self._started(arguments, new_password, cwd, subprocess.STDOUT) as process:
            for line in process.stdout or ():
                for each in _objects(line, said):
                    if each.get("message_type") in {"exit_error", "error"}:
                        said.append(_words(each))
                    (on_event or kept.append)(each)
                if self._waits_in_vain(line):
                    raise self._error(1, fault_told(line))
        self._check(process.returncode, said)
        return kept

    def read(self, *arguments: str, max_bytes: int) -> bytes:
        """What it prints, whatever that is. Raises BackupError, also beyond ``max_bytes``."""
        said: list[str] = []
        with self._started(arguments, None, None, subprocess.PIPE) as process:
            watch = threading.Thread(target=self._watch, args=(process, said), name="restic")
            watch.start()
            data = process.stdout.read(max_bytes + 1) if process.stdout else b""
            if len(data) > max_bytes:
                process.kill()
            watch.join()
        if len(data) > max_bytes:
            raise error_for(1, "a file of the backup is far larger than it should be")
        self._check(process.returncode, said)
        return data

    def _watch(self, process: "subprocess.Popen[bytes]", said: list[str]) -> None:
        """Keep what it complains of, and end it if it waits for a disk that is gone."""
        is_ended = False
        for line in process.stderr or ():
            if self._waits_in_vain(line):
                said.append(fault_told(line))
                process.terminate()
                is_ended = True
            elif not is_ended:
                said.extend(_words(each) for each in _objects(line, said))
        if process.stderr:
            process.stderr.close()

    def _waits_in_vain(self, line: bytes) -> bool:
        # restic tries again for 15 minutes, which is for networks, and on a full disk 0.18.0 does
        # not end at all. A folder's disk does not come back: the kernel asked it often enough.
        return not self.repository.startswith("sftp:") and bool(fault_told(line))

    def _check(self, status: int, said: Sequence[str]) -> None:
        if status:
            raise self._error(status, " ".join(said[-3:]))

    def _error(self, status: int, said: str) -> BackupError:
        return error_for(status, said)

    @contextlib.contextmanager
    def _started(
        self, arguments: Sequence[str], new_password: str | None, cwd: Path | None, stderr: int
    ) -> Iterator["subprocess.Popen[bytes]"]:
        """The process; it ends with the block, however that is left."""
        with contextlib.ExitStack() as stack:
            secret = stack.enter_context(_on_pipe(self._password))
            argv = [str(self._program), "-r", self.repository, "--json", "--no-cache"]
            argv += ["--password-file", f"/dev/fd/{secret}", *arguments]
            for option in self._options:
                argv += ["-o", option]
            inherited = [secret]
            if new_password is not None:
                inherited.append(stack.enter_context(_on_pipe(new_password)))
                argv += ["--new-password-file", f"/dev/fd/{inherited[-1]}"]
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                pass_fds=inherited,
                cwd=cwd,
                env=_environment(),
            )
            try:
                yield process
                process.wait()
            finally:
                _end(process)


def fault_told(line: bytes) -> str:
    """The fault of a disk that a line of restic tells of, "" for any other line."""
    match = _FAULT.match(line.decode(errors="replace").strip())
    # Without the operation and the path, which say nothing to people.
    fault = match["fault"].rpartition(": ")[2] if match else ""
    return fault if is_fault_of_disk(fault) else ""


def _environment() -> dict[str, str]:
    ours = {k: v for k, v in os.environ.items() if not k.startswith(_LEFT_OUT)}
    return ours | _ENVIRONMENT


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Ask it to stop, which lets it take its lock away; a disk that hangs gets no second."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdout:
        process.stdout.close()


@contextlib.contextmanager
def _on_pipe(secret: str) -> Iterator[int]:
    reading, writing = os.pipe()
    try:
        os.write(writing, secret.encode())
        os.close(writing)
        yield reading
    finally:
        os.close(reading)


def _objects(line: bytes, said: list[str]) -> Iterator[dict[str, object]]:
    try:
        found = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = line.decode(errors="replace").strip()
        if text:
            said.append(text)
            del said[:-_MAX_SAID]
        return
    for each in found if isinstance(found, list) else [found]:
        if isinstance(each, dict):
            yield each


def _words(event: dict[str, object]) -> str:
    error = event.get("error")
    inner = error.get("message") if isinstance(error, dict) else error
    return str(event.get("message") or inner or "")
