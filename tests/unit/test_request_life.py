# SPDX-License-Identifier: Apache-2.0
"""docs/architecture.md says which functions a request passes; here one passes them."""

import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from atre.config import Config
from atre.engine.chat_template import PLAIN_TEMPLATE, ChatTemplate
from atre.engine.engine import Engine
from atre.engine.prefix_cache import PrefixCache
from atre.engine.scripted_runner import ScriptedRunner
from atre.engine.serving import EngineServer, Loaded
from atre.engine.snapshots import Snapshots
from atre.ipc.intake import Intake
from atre.ipc.messages import EngineDescription
from atre_web import create_app
from atre_web.accounts.door import open_door

PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"
REAL_RUNNER = "atre.engine.llama.runner.LlamaRunner.run"  # tests/contract runs this one


class Ascii:
    num_tokens = 128

    def tokenize(self, text: str, *, add_special: bool) -> list[int]:
        del add_special
        return list(text.encode("ascii"))

    def piece(self, token: int) -> bytes:
        return bytes([token])

    def is_end(self, token: int) -> bool:
        del token
        return False


def describe() -> EngineDescription:
    return EngineDescription(
        model="scripted", name="Scripted", description="", licence="", num_parameters=0,
        size_bytes=0, n_ctx=200, n_ctx_train=200, num_slots=2, threads=1, device="none",
        started_at=0.0, num_running=0, num_waiting=0, queue_limit=10, kv_cells_used=0,
        kv_cells_total=400, decode_tokens_per_s=0.0, prefill_tokens_per_s=0.0,
        completion_tokens_total=0, requests_total=0,
    )  # fmt: skip


@contextmanager
def running_engine(config: Config) -> Iterator[None]:
    """A box's engine on the scripted runner, in threads of this process."""
    engine = Engine(
        runner=ScriptedRunner(num_slots=4, max_batch_tokens=32, num_tokens=128),
        vocabulary=Ascii(),
        kv=PrefixCache(num_cells=400, num_slots=4),
        max_running=2,
        max_batch_tokens=32,
        queue_limit=10,
    )
    server = EngineServer(config.engine_socket, Intake(config.runtime_dir))
    server.serve(
        Loaded(
            engine=engine,
            vocabulary=Ascii(),
            accepts=lambda _: False,
            snapshots=Snapshots(max_bytes=0),
            template=ChatTemplate(PLAIN_TEMPLATE, bos_token="", eos_token=""),
            window=200,
            description=describe(),
        )
    )
    server.start()
    thread = threading.Thread(target=engine.run)
    thread.start()
    try:
        yield
    finally:
        engine.stop()
        thread.join()
        server.close()


@contextmanager
def recorded_calls() -> Iterator[list[str]]:
    """Our functions in the order in which they are first called, from threads started inside."""
    seen: list[str] = []

    def watch(frame: FrameType, event: str, _argument: object) -> None:
        name = f"{frame.f_globals.get('__name__', '')}.{frame.f_code.co_qualname}"
        if event == "call" and name.startswith("atre") and name not in seen:
            seen.append(name)

    threading.setprofile(watch)
    sys.setprofile(watch)
    try:
        yield seen
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # None is documented to switch it off


def documented() -> list[str]:
    section = PAGE.read_text().split("## One request's life")[1].split("\n## ")[0]
    return [name for name in re.findall(r"`(atre[\w.]+)`", section) if name != REAL_RUNNER]


def test_a_request_passes_the_functions_that_the_page_names_in_order(tmp_path: Path) -> None:
    config = Config(data_dir=tmp_path, runtime_dir=tmp_path / "run", profiles_dir=tmp_path)
    key = open_door(config, run_key=True).run_key
    with recorded_calls() as calls, running_engine(config):
        client = create_app(config).test_client()
        calls.clear()  # what set-up called is no part of a request
        response = client.post(
            "/v1/chat/completions",
            json={
                "messages": [{"role": "user", "content": "hi"}],
                "stream": True,
                "max_tokens": 20,
            },
            headers={"Authorization": f"Bearer {key}"},
        )
        assert response.get_data(as_text=True).endswith("data: [DONE]\n\n")
        response.close()
    missing = [name for name in documented() if name not in calls]
    assert not missing
    for side in ("atre_web.", "atre.engine."):  # the two processes work at the same time
        named = [name for name in documented() if name.startswith(side)]
        assert named == sorted(named, key=calls.index)
