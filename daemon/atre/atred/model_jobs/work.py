# SPDX-License-Identifier: Apache-2.0
"""The process of one job: fetches, copies or reads a model, and says on standard output how far.

It ends with the daemon that started it, whose end of its standard input is its lifeline. Being
killed costs nothing: what a pull fetched stays, and locks end with the process.
"""

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from atre.atred.model_jobs.event import Ended, Event, Moved, Refused, Sized, encode
from atre.errors import AtreError, ModelLoadError, ModelProblem, ModelStoreError
from atre.ipc.model_messages import ImportModel, JobOrder, PullModel, VerifyModel
from atre.models.catalogue import load_catalogue
from atre.models.import_files import Candidate, candidates, import_model
from atre.models.manifest import check_name
from atre.models.store import Store
from atre.models.verify import verify
from atre.plan.planning import model_store
from atre.system.cpu_policy import be_nice
from atre.system.lifeline import end_with_parent

_SAY_S = 0.2  # often enough for a person, rare enough for a slow processor

Say = Callable[[Event], None]


def work(store: Store, order: JobOrder, say: Say) -> None:
    """Carry an order out. Raises ModelStoreError and ModelLoadError."""
    if isinstance(order, PullModel):
        _pull(store, order, say)
    elif isinstance(order, ImportModel):
        _import(store, order, say)
    else:
        _verify(store, order, say)


@contextmanager
def _metered(say: Say, done_bytes: int = 0) -> Iterator[Callable[[int], None]]:
    """Turns "so many more" into "so many by now", said a few times a second.

    A thread says it, so that the last bytes before a line stands still are said too.
    """
    moved, ended = [done_bytes], threading.Event()

    def speak() -> None:
        said = done_bytes
        while not ended.wait(_SAY_S):
            if moved[0] != said:
                said = moved[0]
                say(Moved(done_bytes=said))

    def advance(num_bytes: int) -> None:
        moved[0] += num_bytes

    speaker = threading.Thread(target=speak, name="meter")
    speaker.start()
    try:
        yield advance
    finally:
        ended.set()
        speaker.join()


def _pull(store: Store, order: PullModel, say: Say) -> None:
    # The hub's library takes a tenth of a second that the other jobs should not pay.
    from atre.models.download import Pace  # noqa: PLC0415
    from atre.models.pull import find, pull, request_for  # noqa: PLC0415

    found = find(store, request_for(order.model, load_catalogue()))
    name = found.request.name
    say(Sized(model=name, size_bytes=found.size_bytes, done_bytes=found.done_bytes))
    with _metered(say, found.done_bytes) as progress:
        pull(store, found, pace=Pace(), progress=progress)


def _import(store: Store, order: ImportModel, say: Say) -> None:
    (candidate,) = candidates(Path(order.path))
    if order.name is not None:
        candidate = msgspec.structs.replace(candidate, name=check_name(order.name))
    say(Sized(model=candidate.name, size_bytes=_size_bytes(candidate)))
    # What an import left that a power cut ended; a damaged manifest stops that.
    with suppress(ModelStoreError):
        store.collect_garbage()
    with _metered(say) as progress:
        import_model(store, candidate, base=order.base, progress=progress)


def _size_bytes(candidate: Candidate) -> int:
    try:
        return candidate.size_bytes()
    except OSError:
        return 0  # the import says what is wrong with the file


def _verify(store: Store, order: VerifyModel, say: Say) -> None:
    manifest = store.manifest(order.model)
    say(Sized(model=manifest.name, size_bytes=manifest.size_bytes))
    with _metered(say) as progress:
        problems = verify(store, manifest, progress=progress)
    if problems:
        raise ModelStoreError(
            f"{' '.join(each.text for each in problems)} Remove {manifest.name}, then fetch or "
            "import it again.",
            f"{' '.join(each.text_fr for each in problems)} Retirez {manifest.name}, puis "
            "téléchargez-le ou importez-le de nouveau.",
            problem=ModelProblem.DAMAGED,
        )


def _say(event: Event) -> None:
    sys.stdout.buffer.write(encode(event))
    sys.stdout.buffer.flush()


def main() -> None:
    """Run the order in the last argument on the store of the data directory in the first."""
    logging.basicConfig(level=logging.INFO, format="model-job: %(message)s", stream=sys.stderr)
    end_with_parent()
    be_nice()
    order = msgspec.json.decode(sys.argv[2], type=JobOrder)
    try:
        work(model_store(Path(sys.argv[1])), order, _say)
    except ModelStoreError as error:
        _say(Refused(problem=error.problem, message=str(error)))
    except ModelLoadError as error:
        _say(Refused(problem=ModelProblem.UNUSABLE, message=str(error)))
    except AtreError as error:
        _say(Refused(problem=ModelProblem.OTHER, message=str(error)))
    else:
        _say(Ended())


if __name__ == "__main__":
    main()
