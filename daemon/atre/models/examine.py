# SPDX-License-Identifier: Apache-2.0
"""Read the header of a file that a stranger made in a child process with little to lose.

The reader is Python and checks every length, but a file from a USB stick gets a second fence: a
child without input, with limits on memory, processor time, open files and written bytes, whose
death costs a sentence.
"""

import contextlib
import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from atre.errors import ModelLoadError
from atre.models.gguf_file import open_gguf
from atre.models.gguf_header import read_parts
from atre.models.lora import check_adapter, kind_of, read_adapter
from atre.models.manifest import Facts
from atre.sentence import NOTHING, Sentence

_TIME_LIMIT_S = 60.0  # reading the longest header takes a second or two on the slowest board
_CPU_LIMIT_S = 30
_MEMORY_LIMIT_BYTES = 512 * 2**20  # beside what the interpreter itself already has
_MAX_ANSWER_BYTES = 2**20
_MAX_OPEN_FILES = 32


class _Question(msgspec.Struct, frozen=True):
    """``files`` are the parts of one model, or one adapter; ``base`` the files of its base."""

    files: list[Path]
    base: list[Path]
    base_name: str


class _Answer(msgspec.Struct, frozen=True):
    facts: Facts | None = None
    refusal: Sentence = NOTHING


def examine(files: Sequence[Path], *, base: Sequence[Path] = (), base_name: str = "") -> Facts:
    """What the files say of themselves, read in a child process.

    ``base`` are the files of the model that an adapter is for. Raises ModelLoadError with the
    reason for whatever is no usable model or adapter, also if the child dies or takes too long.
    """
    question = msgspec.json.encode(
        _Question(list(files), list(base), base_name), enc_hook=os.fspath
    )
    try:
        done = subprocess.run(
            [sys.executable, "-m", "atre.models.examine", question.decode()],
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIME_LIMIT_S,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},  # a thread each would cost memory
        )
        answer = msgspec.json.decode(done.stdout[:_MAX_ANSWER_BYTES], type=_Answer)
    except (OSError, subprocess.TimeoutExpired, msgspec.DecodeError) as error:
        raise ModelLoadError(
            f"{files[0]} could not be examined: reading its header took too long or broke the "
            "reader. It is probably damaged; copy or download it again.",
            f"{files[0]} n’a pas pu être examiné\N{NO-BREAK SPACE}: lire son en-tête a pris trop "
            "de temps ou a fait tomber le lecteur. Le fichier est sans doute "
            "abîmé\N{NO-BREAK SPACE}; copiez-le ou téléchargez-le de nouveau.",
        ) from error
    if answer.facts is None:
        raise ModelLoadError(answer.refusal.text, answer.refusal.text_fr)
    return answer.facts


def facts_of(files: Sequence[Path], base: Sequence[Path], base_name: str) -> Facts:
    """The same in this process. Raises ModelLoadError."""
    with open_gguf(files[0]) as file:
        kind = kind_of(file)
    if kind == "adapter":
        adapter = read_adapter(files[0])
        if not base:
            raise ModelLoadError(
                f"{files[0]} is an adapter, which cannot answer by itself. Say with --base which "
                "stored model it is for.",
                f"{files[0]} est un adaptateur, qui ne répond pas seul. Dites avec --base à quel "
                "modèle installé il est destiné.",
            )
        check_adapter(adapter, base, base_name)
        return Facts(
            kind="adapter",
            architecture=adapter.architecture,
            title=adapter.name,
            licence=adapter.licence,
        )
    if kind != "model":
        raise ModelLoadError(
            f"{files[0]} is a GGUF of kind {kind!r}, which cannot answer by itself. Choose a whole "
            "model.",
            f"{files[0]} est un GGUF de genre {kind!r}, qui ne répond pas seul. Choisissez un "
            "modèle entier.",
        )
    header = read_parts(files)
    return Facts(
        kind="model",
        architecture=header.architecture,
        title=header.name,
        licence=header.licence,
        parameters=header.parameters,
        file_type=header.file_type,
        context_tokens=header.n_ctx_train,
    )


def _main() -> None:
    question = msgspec.json.decode(sys.argv[1], type=_Question, dec_hook=lambda _, path: Path(path))
    _confine()
    try:
        answer = _Answer(facts=facts_of(question.files, question.base, question.base_name))
    except ModelLoadError as error:
        answer = _Answer(refusal=error.sentence)
    sys.stdout.buffer.write(msgspec.json.encode(answer))


def _confine() -> None:
    used_bytes = _address_space_bytes()
    limits = {
        resource.RLIMIT_CPU: _CPU_LIMIT_S,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: _MAX_OPEN_FILES,
    }
    if used_bytes is not None:
        limits[resource.RLIMIT_AS] = used_bytes + _MEMORY_LIMIT_BYTES
    for kind, value in limits.items():
        with contextlib.suppress(ValueError, OSError):  # a system that knows no such limit
            resource.setrlimit(kind, (value, value))


def _address_space_bytes() -> int | None:
    """What this process has mapped, None where there is no /proc to ask (proc_pid_statm(5))."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    except (OSError, ValueError):
        return None
    return pages * resource.getpagesize()


if __name__ == "__main__":
    _main()
