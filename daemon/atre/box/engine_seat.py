# SPDX-License-Identifier: Apache-2.0
"""The engine process of a box, and the model in it."""

import contextlib
import os
import queue
import sys
import threading
from pathlib import Path

import msgspec
from msgspec.structs import replace

from atre.backend_libraries import hiding
from atre.box.speed_watch import SpeedWatch
from atre.box.supervisor import ChildSpec, Supervisor
from atre.config import Config
from atre.errors import AtreError, EngineUnavailableError
from atre.hardware.detect import detect
from atre.ipc.client import LOBBY_SOCKET, EngineClient
from atre.ipc.messages import ChatMessage, EngineDescription, Finished, Generate
from atre.ipc.presence import Activity
from atre.model_process import without_model
from atre.models.manifest import FACTORY
from atre.models.store import held_in_use
from atre.plan.planning import EmbedderPlan, Planned, factory_model_path, note, plan_engine
from atre.sentence import NOTHING, Sentence
from atre.system.durable import write_durably
from atre.system.notify import LOADED_FRACTION

ENGINE = "atre-engine"

_ENDED_LOADING = Sentence(
    "the engine ended while it loaded it; what it wrote says why",
    "le moteur s’est arrêté en le chargeant\N{NO-BREAK SPACE}; son journal dit pourquoi",
)
_ENDED_WRITING = Sentence(
    "the engine ended while it wrote the first token",
    "le moteur s’est arrêté en écrivant le premier jeton",
)
_NO_TOKEN = Sentence("it did not write a single token", "il n’a pas écrit un seul jeton")


class EngineSeat:
    """Puts an engine with a model under the supervisor, and another in its place."""

    def __init__(
        self, config: Config, config_path: Path, supervisor: Supervisor, watch: SpeedWatch
    ) -> None:
        self._config = config
        self._config_path = config_path
        self._supervisor = supervisor
        self._watch = watch
        self._held = contextlib.ExitStack()
        self._outcome: queue.SimpleQueue[Sentence] = queue.SimpleQueue()
        self._planned: queue.SimpleQueue[Planned | Sentence] = queue.SimpleQueue()
        self._failure: Sentence | None = None
        self._embedder: EmbedderPlan | None = None
        # What the engine runs, to be planned again as it is.
        self._loaded_config = replace(config, embedding_model=None)
        self._loaded_spec: ChildSpec | None = None
        self._leads_to_lobby = False
        self._engine = EngineClient(self._main_socket)

    def start(self, planned: Planned) -> None:
        """Start the first engine, which may have no model and say why."""
        self._embedder = planned.embedder
        self._note(planned)
        self._put(planned)

    def close(self) -> None:
        self._watch.remember()
        self._held.close()
        self._config.engine_socket.unlink(missing_ok=True)

    def close_door(self) -> None:
        """Take the engine's address away, unless the lobby has it.

        Who is being answered stays connected.
        """
        self._watch.remember()
        self._watch.subject = None
        if not self._leads_to_lobby:
            self._config.engine_socket.unlink(missing_ok=True)

    def num_open(self) -> int:
        """How many answers the engine still writes or will, 0 if it is gone or has no model."""
        activity = self.activity()
        return activity.num_open if activity else 0

    def activity(self) -> Activity | None:
        """Who is being answered, None if the engine is gone."""
        try:
            return self._engine.activity()
        except AtreError:
            return None

    def describe(self) -> EngineDescription | None:
        """The model and the engine, None while there is none of them."""
        try:
            return self._engine.describe()
        except AtreError:
            return None

    def lead_to_lobby(self) -> None:
        """Let the engine's address be the lobby's."""
        self._watch.remember()  # what the engine counted goes with it
        self._leads_to_lobby = True
        self._lead_to(self.lobby_socket)

    def lead_to_engine(self) -> None:
        """Let the engine's address be the engine's own."""
        self._leads_to_lobby = False
        self._lead_to(self._main_socket)

    def unload(self) -> None:
        """End the engine, whose memory is free then; its model stays held in use."""
        self._supervisor.stop(ENGINE)
        self._planned = queue.SimpleQueue()

    def wake(self) -> None:
        """Start the engine again as it was."""
        self._failure = None
        if self._loaded_spec is not None:
            self._supervisor.start(self._loaded_spec)

    def reload(self) -> None:
        """Plan the same model again, with the memory that is free now, and start it."""
        self._load(self._loaded_config)

    def loaded_fraction(self) -> float:
        """How much of the model is in memory."""
        try:
            return float(self._supervisor.told(ENGINE, LOADED_FRACTION) or 0.0)
        except ValueError:
            return 0.0

    def wake_failure(self) -> str | None:
        """Why the engine has no model or will have none, None while it may or has."""
        if failure := self.load_failure():
            return failure.text
        if self.is_loaded():
            try:
                self._engine.describe()
            except AtreError as error:
                return str(error)
        return None

    def load(self, model: str) -> None:
        """End the engine; plan one with ``model``, then start it.

        Planned only now, because what the engine before took is free only now, and in a thread:
        devices that never ran this model race first.
        """
        asked = str(factory_model_path()) if model == FACTORY else model
        # An embedding model runs on beside it, and is in the memory that is taken already.
        self._load(replace(self._config, model=asked, embedding_model=None))

    def _load(self, config: Config) -> None:
        self._supervisor.stop(ENGINE)
        self._failure = None
        self._loaded_config = config
        planned = self._planned = queue.SimpleQueue[Planned | Sentence]()
        threading.Thread(
            target=lambda: planned.put(_plan(config)), name="plan-model", daemon=True
        ).start()

    def load_failure(self) -> Sentence | None:
        """Why the engine will not get ready, None while it may."""
        self._start_planned()
        if self._failure is None and self._supervisor.num_failures(ENGINE):
            return _ENDED_LOADING
        return self._failure

    def is_loaded(self) -> bool:
        self._start_planned()
        return self._supervisor.is_ready(ENGINE)

    def _start_planned(self) -> None:
        try:
            planned = self._planned.get_nowait()
        except queue.Empty:
            return
        if isinstance(planned, Sentence):
            self._failure = planned
            return
        # A driver that ends whoever loads it must not end the engine either.
        os.environ.update(hiding(planned.machine.hidden_backends))
        # The embedding model was planned once, at the start, and runs on.
        self._note(replace(planned, embedder=self._embedder))
        self._put(planned)

    def ask_for_a_token(self) -> None:
        """Have the model write one token, in a thread: that may take seconds."""
        self._outcome = queue.SimpleQueue()
        client, outcome = self._engine, self._outcome
        threading.Thread(
            target=lambda: outcome.put(_one_token(client)), name="first-token", daemon=True
        ).start()

    def outcome(self) -> Sentence | None:
        """What came of it: None while unknown, NOTHING for a token, or why there was none."""
        try:
            return self._outcome.get_nowait()
        except queue.Empty:
            return None

    @property
    def lobby_socket(self) -> Path:
        """Where a lobby listens, which the engine's address can lead to."""
        return self._config.engine_socket.with_name(LOBBY_SOCKET)

    @property
    def _main_socket(self) -> Path:
        return self._config.engine_socket.with_name("engine-main.sock")

    def _lead_to(self, socket_path: Path) -> None:
        # connect(2) follows links; replacing one leaves no moment without an address.
        door = self._config.engine_socket
        made = door.with_name("engine-door")
        made.unlink(missing_ok=True)
        made.symlink_to(socket_path.name)
        made.replace(door)

    def _put(self, planned: Planned) -> None:
        self._hold(planned)
        self._loaded_spec = self._spec(planned)
        if not self._leads_to_lobby:
            self._lead_to(self._main_socket)
        self._supervisor.start(self._loaded_spec)

    def _note(self, planned: Planned) -> None:
        """Keep what people may want to know of the plan that runs now."""
        # A full disk must not stop a change half way; the note then stays that of the plan before.
        with contextlib.suppress(OSError):
            write_durably(self._config.note_file, msgspec.json.encode(note(planned)))

    def _hold(self, planned: Planned) -> None:
        self._held.close()
        self._watch.subject = planned.subject
        if planned.plan:
            adapters = [adapter.path for adapter in planned.plan.adapters]
            for path in (planned.plan.model_path, *adapters):
                # A disk that knows no locks must not keep the box from starting.
                with contextlib.suppress(OSError):
                    self._held.enter_context(held_in_use(Path(path)))

    def _spec(self, planned: Planned) -> ChildSpec:
        argv = [sys.executable, "-m", "atre.engine.process"]
        argv += ["--config", str(self._config_path), "--lifeline"]
        argv += ["--socket", str(self._main_socket)]
        if planned.plan is None:
            argv += without_model(planned.no_model_reason)
            return ChildSpec(ENGINE, argv, self._config.model_unit)
        path = self._config.runtime_dir / "engine-plan.json"
        path.write_bytes(msgspec.json.format(msgspec.json.encode(planned.plan)))
        return ChildSpec(ENGINE, [*argv, "--plan", str(path)], self._config.model_unit)


def _plan(config: Config) -> Planned | Sentence:
    """The plan, or why there is none."""
    try:
        planned = plan_engine(config, detect())
    except AtreError as error:
        return error.sentence
    return planned if planned.plan else planned.no_model_reason


def _one_token(client: EngineClient) -> Sentence:
    request = Generate(messages=[ChatMessage(role="user", content="Bonjour")], max_tokens=1)
    try:
        with client.generate(request) as generation:
            finished = [event for event in generation if isinstance(event, Finished)]
    except EngineUnavailableError:
        return _ENDED_WRITING
    except AtreError as error:
        return error.sentence
    if not finished or finished[-1].completion_tokens < 1:
        return _NO_TOKEN
    return NOTHING
