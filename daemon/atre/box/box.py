# SPDX-License-Identifier: Apache-2.0
"""The composition root: what a box is made of, in the order in which it starts."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from atre import __version__
from atre.backend_libraries import hiding
from atre.box.advice import note_advice
from atre.box.engine_seat import ENGINE, EngineSeat
from atre.box.lobby import Lobby
from atre.box.model_sleep import ModelSleep
from atre.box.model_use import ModelUse
from atre.box.orders import carry_out_orders
from atre.box.preflight import check_ports, make_directories, only_box_here
from atre.box.speed_watch import SpeedWatch, soonest
from atre.box.supervisor import ChildSpec, Supervisor
from atre.choices import eco_choice, sleep_choice
from atre.config import Config, save
from atre.errors import ClosedReason, ConfigError, EngineError
from atre.hardware.detect import detect
from atre.hardware.profiles import load_profiles
from atre.ipc.client import EngineClient, ManagementClient
from atre.ipc.embedder_client import EmbedderClient
from atre.ipc.intake import Intake
from atre.ipc.messages import BoxDescription, EmbedderDescription, EngineDescription
from atre.ipc.nudge import RESTART, RESTART_BOX, SLEEP, NudgeSocket
from atre.model_process import without_model
from atre.models.store import held_in_use
from atre.plan.planning import EmbedderPlan, plan_engine
from atre.plan.speed.meter import MemoryMeter
from atre.plan.speed.record import SpeedRecord
from atre.sentence import NOTHING, Sentence
from atre.system.durable import write_durably
from atre.system.heartbeat import Heartbeat
from atre.system.local_time import local_now
from atre.system.notify import notify

# A process that ended so often before it was ready will hardly get ready with this model.
_HOPELESS_STARTS = 3

_MANAGEMENT, _LOOPBACK, _LAN, _HTTP = "atred", "atre-web", "atre-web-lan", "atre-web-http"
_EMBEDDER = "atre-embedder"

Description = TypeVar("Description", EngineDescription, EmbedderDescription)


class Door(msgspec.Struct, frozen=True):
    """The ways in that ``atre-web prepare`` made for this start."""

    first_key: str | None
    run_key: str | None
    claim_path: str | None
    claim_code: str | None


class Started(msgspec.Struct, frozen=True):
    """What there is to say once the box serves; ``no_model_reason`` is NOTHING if it has a model.

    Of the embedding model there is neither if none was asked for.
    """

    config: Config
    door: Door
    box: BoxDescription
    engine: EngineDescription | None
    no_model_reason: Sentence
    embedder: EmbedderDescription | None
    no_embedder_reason: Sentence


class ReadyFile(msgspec.Struct, frozen=True):
    """What ``--ready-file`` tells tests, service managers and benchmarks.

    ``embedding_model`` and ``embedding_dimensions`` are None without a loaded embedding model.
    """

    panel_url: str
    api_base: str
    api_key: str
    mdns_name: str | None
    model: str
    embedding_model: str | None
    embedding_dimensions: int | None
    version: str


class Box:
    """A box on a developer's or newcomer's machine: its processes as our children."""

    def __init__(
        self, config: Config, *, ready_file: Path | None, announce: Callable[[Started], None]
    ) -> None:
        self._config = config
        self._ready_file = ready_file
        self._announce = announce
        self._announced = False
        self._is_ready_file_due = ready_file is not None
        self._starts_anew = False

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT; a restore that was ordered starts the whole box anew.

        Raises ConfigError if another box runs here, a port is taken or the data cannot be written.
        """
        self._serve()
        if self._starts_anew:
            # In place, under the same number: whoever started us follows it.
            os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606

    def _serve(self) -> None:
        with contextlib.ExitStack() as stack:
            make_directories(self._config)
            stack.enter_context(only_box_here(self._config))
            if not carry_out_orders(self._config, make_directories):
                return
            check_ports(self._config)
            # What the command line says is refused here, even where a choice counts in its place.
            sleep_choice.rules_of(sleep_choice.in_force(self._config).start)
            if self._ready_file:
                self._ready_file.unlink(missing_ok=True)
            config_path = self._config.runtime_dir / "config.json"
            save(self._config, config_path)
            # A wrong profile is refused before anything is measured.
            load_profiles(self._config.profiles_dir)
            machine = detect()
            # A driver that ends whoever loads it must not end the engine either.
            os.environ.update(hiding(machine.hidden_backends))
            # Before the supervisor takes the signals over: a race may be interrupted.
            record = SpeedRecord(self._config.state_dir)
            MemoryMeter(record).settle(machine)
            planned = plan_engine(self._config, machine)
            supervisor = Supervisor(
                self._config.runtime_dir, self._on_change, logs_dir=self._config.logs_dir
            )
            stack.callback(supervisor.close)
            self._supervisor = supervisor
            advise = partial(note_advice, self._config, planned, record)
            describe = EngineClient(self._config.engine_socket).describe
            watch = SpeedWatch(record, describe, on_remembered=advise)
            seat = EngineSeat(self._config, config_path, supervisor, watch)
            stack.callback(seat.close)
            self._model_use = model_use = ModelUse(self._config, seat)
            stack.callback(model_use.close)
            self._hear_requests(model_use, stack)
            model_sleep = self._model_sleep(seat, stack)
            seat.start(planned)
            if planned.embedder:
                if planned.embedder.path:
                    # A disk that knows no locks must not keep the box from starting.
                    with contextlib.suppress(OSError):
                        stack.enter_context(held_in_use(planned.embedder.path))
                supervisor.start(_embedder(config_path, planned.embedder, self._config.model_unit))
            advise()
            # Before anything is announced: it says whether the box still waits for an owner.
            self._door = _open_door(config_path, run_key=self._ready_file is not None)
            supervisor.start(_management(config_path))
            supervisor.start(_web(_LOOPBACK, "loopback", config_path))
            self._config_path = config_path
            supervisor.run(self._tick(model_use, model_sleep, watch))

    def _model_sleep(self, seat: EngineSeat, stack: contextlib.ExitStack) -> ModelSleep:
        """What lets the model sleep; whether it ever may can change at any time."""
        intake = Intake(self._config.runtime_dir)
        lobby = Lobby(seat.lobby_socket, intake, queue_limit=self._config.queue_limit)
        stack.callback(lobby.close)
        self._supervisor.watch(lobby, lobby.hear)
        model_sleep = ModelSleep(
            seat, lobby, must_rest=lambda: intake.closed() is ClosedReason.BATTERY_LOW
        )
        news = NudgeSocket(self._config.runtime_dir / SLEEP)
        stack.callback(news.close)

        def follow() -> None:
            news.was_asked()
            times = sleep_choice.in_force(self._config).times
            model_sleep.follow(
                sleep_choice.rules_of(times),
                clock=partial(local_now, times.time_zone),
                is_eco=partial(eco_choice.is_on, eco_choice.read(self._config.state_dir)),
            )

        follow()
        self._supervisor.watch(news, follow)
        return model_sleep

    def _tick(
        self, model_use: ModelUse, model_sleep: ModelSleep, watch: SpeedWatch
    ) -> Callable[[], float | None]:
        heartbeat = Heartbeat()

        def tick() -> float | None:
            change_s = model_use.tick()
            # Who started the box is told of its model first.
            is_held = model_use.is_busy or not self._announced
            sleep_s = model_sleep.tick(is_changing=is_held)
            return soonest(change_s, sleep_s, watch.tick(), heartbeat.tick())

        return tick

    def _hear_requests(self, model_use: ModelUse, stack: contextlib.ExitStack) -> None:
        """Take up what commands and the management daemon ask for."""
        self._supervisor.watch(model_use, model_use.take_request)
        requests = NudgeSocket(self._config.runtime_dir / RESTART)
        stack.callback(requests.close)

        def restart() -> None:
            # A change of model starts the engine anew already, and must find the one it began.
            if requests.was_asked() and not model_use.is_busy:
                self._supervisor.restart(ENGINE)

        self._supervisor.watch(requests, restart)
        restarts = NudgeSocket(self._config.runtime_dir / RESTART_BOX)
        stack.callback(restarts.close)

        def start_anew() -> None:
            self._starts_anew = restarts.was_asked()
            self._supervisor.finish()

        self._supervisor.watch(restarts, start_anew)

    def _on_change(self, _name: str) -> None:
        ready = self._supervisor.is_ready
        if self._is_hopeless(ENGINE):
            self._model_use.give_up_chosen()
        if self._config.lan and ready(_MANAGEMENT) and not self._supervisor.has_started(_LAN):
            # The certificate exists now, under the name that the box really has.
            self._supervisor.start(_web(_LAN, "lan", self._config_path))
            if self._config.http_port:
                self._supervisor.start(_web(_HTTP, "http", self._config_path))
        if not all(ready(each) for each in self._listeners()):
            return
        if ready(ENGINE) and self._is_settled(_EMBEDDER) and self._is_ready_file_due:
            self._write_ready_file(self._describe())
        if not self._announced and self._is_settled(ENGINE) and self._is_settled(_EMBEDDER):
            self._announced = True
            self._announce(self._describe())
            notify("READY=1")

    def _listeners(self) -> list[str]:
        """The processes without which nobody can ask anything."""
        lan = [_LAN] * self._config.lan + [_HTTP] * (self._config.http_port is not None)
        return [_MANAGEMENT, _LOOPBACK, *lan]

    def _is_settled(self, name: str) -> bool:
        """Whether it is known how a process with a model started, or there is none."""
        supervisor = self._supervisor
        if supervisor.is_ready(name) or not supervisor.has_started(name):
            return True
        return self._is_hopeless(name) and not (name == ENGINE and self._model_use.is_busy)

    def _is_hopeless(self, name: str) -> bool:
        return self._supervisor.num_failures(name) >= _HOPELESS_STARTS

    def _describe(self) -> Started:
        engine, reason = _ask(EngineClient(self._config.engine_socket).describe)
        if reason != NOTHING and self._is_hopeless(ENGINE):
            reason = _hopeless("engine", "moteur", "--model")
        embedder, no_embedder_reason = None, NOTHING
        if self._config.embedding_model:
            ask_embedder = EmbedderClient(self._config.embedder_socket).describe
            embedder, no_embedder_reason = _ask(ask_embedder)
        if no_embedder_reason != NOTHING and self._is_hopeless(_EMBEDDER):
            no_embedder_reason = _hopeless(
                "embedder", "processus des vecteurs", "--embedding-model"
            )
        return Started(
            config=self._config,
            door=self._door,
            box=ManagementClient(self._config.management_socket).describe(),
            engine=engine,
            no_model_reason=reason,
            embedder=embedder,
            no_embedder_reason=no_embedder_reason,
        )

    def _write_ready_file(self, started: Started) -> None:
        engine, embedder, run_key = started.engine, started.embedder, started.door.run_key
        if self._ready_file is None or run_key is None or engine is None:
            return
        self._is_ready_file_due = False
        base = f"http://127.0.0.1:{self._config.port}"
        ready = ReadyFile(
            panel_url=f"{base}/",
            api_base=f"{base}/v1",
            api_key=run_key,
            mdns_name=started.box.mdns_name,
            model=engine.model,
            embedding_model=embedder.model if embedder else None,
            embedding_dimensions=embedder.dimensions if embedder else None,
            version=__version__,
        )
        write_durably(self._ready_file, msgspec.json.format(msgspec.json.encode(ready)))


def _embedder(config_path: Path, plan: EmbedderPlan, door: Path | None) -> ChildSpec:
    argv = _python("atre.embedder.process", "--config", str(config_path), "--lifeline")
    if plan.path is None:
        return ChildSpec(_EMBEDDER, [*argv, *without_model(plan.no_model_reason)], door)
    argv += ["--model", str(plan.path), "--threads", str(plan.threads)]
    return ChildSpec(_EMBEDDER, argv, door)


def _management(config_path: Path) -> ChildSpec:
    argv = _python("atre.atred.management", "--config", str(config_path), "--lifeline")
    return ChildSpec(_MANAGEMENT, argv)


def _web(name: str, listener: str, config_path: Path) -> ChildSpec:
    argv = _python("atre_web.cli", "serve", "--config", str(config_path), "--lifeline")
    return ChildSpec(name, [*argv, "--listener", listener])


def _hopeless(process: str, process_fr: str, option: str) -> Sentence:
    return Sentence(
        f"The {process} ended several times while it loaded the model; what it wrote before says "
        f"why. It is tried again. Choose another model with {option}.",
        f"Le {process_fr} s’est arrêté plusieurs fois en chargeant le modèle ; son journal dit "
        f"pourquoi. Il réessaie. Choisissez un autre modèle avec {option}.",
    )


def _ask(describe: Callable[[], Description]) -> tuple[Description | None, Sentence]:
    try:
        return describe(), NOTHING
    except EngineError as error:
        return None, error.sentence


def _open_door(config_path: Path, *, run_key: bool) -> Door:
    """Let the web package prepare its database; it prints the keys of this start."""
    argv = _python("atre_web.cli", "prepare", "--config", str(config_path))
    done = subprocess.run(
        argv + ["--run-key"] * run_key, check=False, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise why_shut(done.stderr.strip())
    return msgspec.json.decode(done.stdout, type=Door)


def why_shut(said: str) -> ConfigError:
    """The error of a panel whose database does not open, by what its process said."""
    try:
        reason = msgspec.json.decode(said, type=Sentence)
    except msgspec.DecodeError:  # it ended in another way than by an error of ours
        return ConfigError(
            f"The accounts cannot be opened: {said}",
            f"Les comptes ne s’ouvrent pas\N{NO-BREAK SPACE}: {said}",
        )
    return ConfigError(reason.text, reason.text_fr)


def _python(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", module, *arguments]
