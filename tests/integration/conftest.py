# SPDX-License-Identifier: Apache-2.0
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType

import gguf
import openai
import pytest
from tests.integration import caller as caller_module
from tests.integration import namespaces as namespaces_module
from tests.integration import running_box as running_box_module
from tests.integration import slow_model as slow_model_module
from tests.integration import wire as wire_module
from tests.integration.caller import Caller
from tests.integration.namespaces import Cable
from tests.integration.running_box import RunningBox

from atre.config import default_profiles_dir
from atre.plan.planning import factory_model_path

BoxStarter = Callable[..., RunningBox]
LAN_PORT = 8443
CallerMaker = Callable[[RunningBox, str | None], Caller]
OutsiderMaker = Callable[..., openai.OpenAI]


def _profiles(directory: Path, *, slots: int, batch_tokens: int) -> list[str]:
    """The profile that fits every machine, with fewer slots and one thread.

    Two threads would wait for each other wherever other tests also run.
    """
    profile = (default_profiles_dir() / "generic-cpu.toml").read_text("utf-8")
    for key, value in {
        "threads": 1,
        "threads_batch": 1,
        "context_tokens": 8192,
        "sequence_tokens": 8192,
        "slots": slots,
        "batch_tokens": batch_tokens,
        "micro_batch_tokens": batch_tokens,
    }.items():
        profile, found = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value}", profile)
        assert found == 1, key
    directory.mkdir()
    (directory / "one-thread.toml").write_text(profile, "utf-8")
    return ["--profiles-dir", str(directory)]


@pytest.fixture(scope="session")
def four_slots(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Options of a box that answers four at once."""
    directory = tmp_path_factory.mktemp("profiles") / "four"
    return _profiles(directory, slots=4, batch_tokens=256)


@pytest.fixture(scope="session")
def slow_model() -> ModuleType:
    """The module of that name."""
    return slow_model_module


@pytest.fixture(scope="session")
def one_slot(tmp_path_factory: pytest.TempPathFactory, slow_model: ModuleType) -> list[str]:
    """Options of a slow box that answers one at a time, and lets one wait.

    Its model needs seconds for a long prompt or a long answer, and its steps are short.
    """
    directory = tmp_path_factory.mktemp("slow")
    model = directory / "slow.gguf"
    slow_model.write_slow_model(model, factory_model_path())
    profiles = _profiles(directory / "profiles", slots=1, batch_tokens=64)
    return [*profiles, "--model", str(model), "--queue-limit", "1"]


@pytest.fixture(scope="session")
def box(tmp_path_factory: pytest.TempPathFactory, four_slots: list[str]) -> Iterator[RunningBox]:
    """The factory model on loopback, for tests that do not disturb the box."""
    made = RunningBox(tmp_path_factory.mktemp("box"), *four_slots)
    with ExitStack() as stack:
        stack.callback(made.clean_up)
        made.start()
        yield made


@pytest.fixture(scope="session")
def slow_box(tmp_path_factory: pytest.TempPathFactory, one_slot: list[str]) -> Iterator[RunningBox]:
    """A slow model, one slot and one place in the queue."""
    made = RunningBox(tmp_path_factory.mktemp("slow-box"), *one_slot)
    with ExitStack() as stack:
        stack.callback(made.clean_up)
        made.start()
        yield made


@pytest.fixture
def start_box(tmp_path: Path, four_slots: list[str]) -> Iterator[BoxStarter]:
    """Start a box for one test alone: ``start_box(*options)``; a later option wins."""
    with ExitStack() as stack:

        def start(*options: str) -> RunningBox:
            made = RunningBox(tmp_path / "box", *four_slots, *options)
            stack.callback(made.clean_up)
            made.start()
            return made

        yield start


@pytest.fixture(scope="session")
def make_caller() -> CallerMaker:
    """A caller of a box over HTTP on loopback, with a key or with none."""

    def make(box: RunningBox, key: str | None) -> Caller:
        return Caller(
            lambda: socket.create_connection(("127.0.0.1", box.port), caller_module.TIMEOUT_S), key
        )

    return make


@pytest.fixture(scope="session")
def make_outsider() -> Iterator[OutsiderMaker]:
    """OpenAI's own client of a box: ``make_outsider(box, strict=True, key=None)``.

    A strict one checks every answer against the client's types. It never asks twice.
    """
    with ExitStack() as stack:

        def make(box: RunningBox, *, strict: bool = True, key: str | None = None) -> openai.OpenAI:
            made = openai.OpenAI(
                base_url=box.ready["api_base"],
                api_key=key or box.key,
                max_retries=0,
                timeout=caller_module.TIMEOUT_S,
                _strict_response_validation=strict,
            )
            return stack.enter_context(made)

        yield make


@pytest.fixture(scope="session")
def client(box: RunningBox, make_caller: CallerMaker) -> Caller:
    """Somebody with a key of the shared box."""
    return make_caller(box, box.key)


@pytest.fixture(scope="session")
def slow_client(slow_box: RunningBox, make_caller: CallerMaker) -> Caller:
    """Somebody with a key of the slow box."""
    return make_caller(slow_box, slow_box.key)


@pytest.fixture(scope="session")
def cable(namespaces: ModuleType) -> Iterator[Cable]:
    """The box's machine and another one."""
    with namespaces.Cable("it") as made:
        yield made


@pytest.fixture(scope="session")
def lan_box(
    tmp_path_factory: pytest.TempPathFactory, one_slot: list[str], cable: Cable
) -> Iterator[RunningBox]:
    """A slow box that also serves the LAN, on a machine of its own."""
    directory = tmp_path_factory.mktemp("lan-box")
    options = ["--lan", *one_slot]
    made = RunningBox(directory, *options, prefix=cable.in_box())
    with ExitStack() as stack:
        stack.callback(made.clean_up)
        made.start()
        yield made


@pytest.fixture(scope="session")
def lan_client(lan_box: RunningBox, cable: Cable) -> Caller:
    """Somebody on the other machine, who trusts the box's certificate and has a key."""
    return _lan_caller(lan_box, cable)


@pytest.fixture
def start_lan_box(
    tmp_path: Path, four_slots: list[str]
) -> Iterator[Callable[..., tuple[RunningBox, Caller]]]:
    """Start a box that serves the LAN at the end of a cable, for one test alone."""
    with ExitStack() as stack:

        def start(cable: Cable, *options: str) -> tuple[RunningBox, Caller]:
            made = RunningBox(tmp_path, "--lan", *four_slots, *options, prefix=cable.in_box())
            stack.callback(made.clean_up)
            made.start()
            return made, _lan_caller(made, cable)

        yield start


@pytest.fixture(scope="session")
def make_caller_in() -> Callable[..., Caller]:
    """A caller in clear from the other machine: ``make_caller_in(cable, address, port, key)``."""

    def make(cable: Cable, address: str, port: int, key: str | None) -> Caller:
        return Caller(lambda: cable.connect(cable.peer, address, port), key)

    return make


def _lan_caller(box: RunningBox, cable: Cable) -> Caller:
    context = ssl.create_default_context(cafile=str(box.data_dir / "tls" / "ca.crt"))

    def connect() -> socket.socket:
        plain = cable.connect(cable.peer, namespaces_module.BOX_ADDRESS, LAN_PORT)
        return context.wrap_socket(plain, server_hostname=namespaces_module.BOX_ADDRESS)

    return Caller(connect, box.key)


@pytest.fixture(scope="session")
def namespaces() -> ModuleType:
    """The module of that name, or a skip with what this machine lacks for it."""
    reason = namespaces_module.missing_part()
    if reason is not None:
        pytest.skip(reason)
    return namespaces_module


@pytest.fixture(scope="session")
def running_box() -> ModuleType:
    """The module of that name, for boxes of other options."""
    return running_box_module


@pytest.fixture(scope="session")
def wire() -> ModuleType:
    """The module of that name."""
    return wire_module


@pytest.fixture(scope="session")
def no_end() -> dict[str, int]:
    """A logit bias that keeps the model from ending its answer."""
    reader = gguf.GGUFReader(factory_model_path())
    field = reader.fields["tokenizer.ggml.eos_token_id"]
    return {str(field.contents()): -100}
