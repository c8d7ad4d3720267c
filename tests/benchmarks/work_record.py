# SPDX-License-Identifier: Apache-2.0
"""Records what a real engine tells of its work, for tests/unit/test_energy_closure.py.

``python -m tests.benchmarks.work_record`` starts a box with a model that is slow and knows nothing,
asks it by 1, 2, 4 and 8 streams, and keeps the records of work as the engine sent them.
"""

import random
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
from tests.integration.running_box import RunningBox
from tests.integration.slow_model import write_slow_model

from atre.ipc.client import EngineClient
from atre.ipc.frame import FrameReader, encode_frame
from atre.ipc.messages import Finished, Generate, Sampling
from atre.ipc.work_messages import WatchWork, WorkDone
from atre.plan.planning import factory_model_path

OUT = Path(__file__).parents[1] / "unit" / "work_records"
STREAMS = (1, 2, 4, 8)
_REQUESTS = 2
_PAUSE_S = 0.8
_SILENCE_S = 60.0
_SEED = 5
_decoder = msgspec.msgpack.Decoder(WorkDone)


def main() -> None:
    """Write one file for each number of streams."""
    with tempfile.TemporaryDirectory(prefix="atre-work-") as directory:
        model = Path(directory, "slow.gguf")
        write_slow_model(model, factory_model_path())
        box = RunningBox(Path(directory, "box"), "--model", str(model))
        try:
            box.start()
            for num_streams in STREAMS:
                records = _record(box.engine_socket, num_streams)
                lines = b"\n".join(msgspec.json.encode(record) for record in records)
                (OUT / f"{num_streams}-streams.jsonl").write_bytes(lines + b"\n")
        finally:
            box.clean_up()


def _record(engine_socket: Path, num_streams: int) -> list[WorkDone]:
    """What the engine tells until it has answered every question of the streams."""
    begun_s = time.monotonic()
    streams = [
        threading.Thread(target=_ask, args=(engine_socket, num_streams, number))
        for number in range(num_streams)
    ]
    for stream in streams:
        stream.start()
    records: list[WorkDone] = []
    num_open = num_streams * _REQUESTS
    for record in _heard(engine_socket):
        # The first ones are of before: who begins to listen is told what it missed.
        if record.begin_s >= begun_s:
            records.append(record)
            num_open -= len(record.ended)
        if num_open == 0:
            break
    for stream in streams:
        stream.join()
    return records


def _heard(engine_socket: Path) -> Iterator[WorkDone]:
    """Each record as it comes. Raises TimeoutError if the engine tells nothing for long."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_SILENCE_S)
        connection.connect(str(engine_socket))
        connection.sendall(encode_frame(WatchWork()))
        frames = FrameReader()
        while data := connection.recv(65536):
            for body in frames.feed(data):
                yield _decoder.decode(body)


def _ask(engine_socket: Path, num_streams: int, number: int) -> None:
    """Some questions of different lengths, with pauses between them."""
    dice = random.Random(f"{_SEED} {num_streams} {number}")
    client = EngineClient(engine_socket)
    for _ in range(_REQUESTS):
        request = Generate(
            prompt=[dice.randrange(5, 200) for _ in range(dice.randrange(20, 700))],
            max_tokens=dice.randrange(20, 160),
            sampling=Sampling(logit_bias={0: -100.0}),
        )
        with client.generate(request) as generation:
            *_, last = generation
        assert isinstance(last, Finished)
        time.sleep(dice.random() * _PAUSE_S)


if __name__ == "__main__":
    main()
