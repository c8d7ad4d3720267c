# SPDX-License-Identifier: Apache-2.0
"""``atred``, the management daemon: the box on the LAN, its certificate, its models, its power."""

import contextlib
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import click
import msgspec

from atre import __version__
from atre import config as configuration
from atre.atred.appliance_verbs import ApplianceVerbs
from atre.atred.backup_calendar import BackupCalendar
from atre.atred.backup_verbs import BackupVerbs
from atre.atred.bench_start import BenchStart
from atre.atred.certificate_verbs import CertificateVerbs
from atre.atred.model_verbs import ModelVerbs
from atre.atred.power_verbs import PowerVerbs
from atre.atred.preload import Preload
from atre.atred.support import support_archive
from atre.atred.update_calendar import UpdateCalendar
from atre.atred.update_surroundings import find_installer, surroundings
from atre.atred.update_verbs import UpdateVerbs
from atre.certificate.names import BoxNames
from atre.choices import sleep_choice
from atre.choices.owner_mark import waits_for_owner
from atre.config import Config
from atre.discovery import choice as discovery_choice
from atre.discovery.advertiser import Advertiser
from atre.errors import (
    AtreError,
    ConfigError,
    EngineUnavailableError,
    InvalidRequestError,
    StorageError,
)
from atre.hardware.pmset import mac_power_issues
from atre.ipc.appliance_messages import ApplianceRequest
from atre.ipc.backup_messages import BackupRequest
from atre.ipc.box_messages import (
    BoxRequest,
    MakeSupportBundle,
    RestartEngine,
    SetDiscovery,
    SetSleep,
    SupportBundle,
)
from atre.ipc.energy_messages import EnergyRequest
from atre.ipc.failure import failure
from atre.ipc.intake import Intake
from atre.ipc.media_messages import MediaRequest
from atre.ipc.message import Message
from atre.ipc.messages import (
    BoxDescription,
    CertificateSource,
    DiscoveryState,
    EndSetup,
    ManagementRequest,
    ResetCertificate,
    UseCertificate,
)
from atre.ipc.model_messages import ModelRequest
from atre.ipc.nudge import RESTART, RESTART_BOX, SLEEP, nudge
from atre.ipc.power_messages import PowerRequest
from atre.ipc.server import Connection, Server
from atre.ipc.update_messages import UpdateRequest
from atre.media.verbs import MediaVerbs
from atre.plan.planning import ProfileNote
from atre.power.caps.client import machine_caps
from atre.power.sources import samplers_of
from atre.power.ups.guard import UpsGuard
from atre.sentence import Sentence
from atre.space.reserve import make_whole
from atre.system.cpu_policy import never_preempt
from atre.system.lifeline import end_with_parent
from atre.system.notify import notify
from atre.updates.channel import read_channel
from atre.updates.look import Sources

_log = logging.getLogger(__name__)

_FAILED = Sentence(
    "The box failed at this; its log says why.",
    "Le boîtier n’y est pas parvenu ; son journal dit pourquoi.",
)

# Often, because a clock that was wrong may be set right at any moment, and a certificate that does
# not fit the new time ends every new connection. Nothing is written while nothing changes.
_RENEWAL_CHECK_S = 60.0
# Probing takes a second; with many conflicts the box starts under a name that may still change.
_SETTLE_TIMEOUT_S = 8.0
# Models and the support bundle take their time; the facts about the box never wait for them.
_NUM_WORKERS = 2

_SlowRequest = (
    ModelRequest
    | PowerRequest
    | MediaRequest
    | BackupRequest
    | MakeSupportBundle
    | ApplianceRequest
    | UpdateRequest
)
_decoder = msgspec.msgpack.Decoder(ManagementRequest | BoxRequest | EnergyRequest | _SlowRequest)


@click.command()
@click.option("--config", "config_path", type=click.Path(path_type=Path), required=True)
@click.option("--lifeline", is_flag=True, help="End when standard input closes.")
def main(config_path: Path, *, lifeline: bool) -> None:
    """Run the management daemon: discovery, certificate, models, power, facts about the box."""
    logging.basicConfig(level=logging.INFO, format="atred: %(message)s", stream=sys.stderr)
    if lifeline:
        end_with_parent()
    never_preempt()
    config = configuration.load(config_path)
    daemon = ManagementDaemon(config)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    # Before anybody is told that the box serves: the first questions may fill the disk.
    make_whole(config.data_dir)
    daemon.start()
    daemon.settled.wait(_SETTLE_TIMEOUT_S)
    notify("READY=1")
    while not stop.wait(_RENEWAL_CHECK_S):
        make_whole(config.data_dir)
        daemon.certificate.renew()
        daemon.preload.look()
        daemon.bench_start.look()
        daemon.look_at_mac()
    daemon.close()


class ManagementDaemon:
    """Keeps the box findable and its certificate right, and answers on ``atred.sock``."""

    def __init__(self, config: Config, appliance: ApplianceVerbs | None = None) -> None:
        self._config = config
        self._started_at = time.time()
        self.settled = threading.Event()
        self._mac_issues = mac_power_issues()
        self._advertiser = Advertiser(
            config.state_dir,
            https_port=config.lan_port,
            http_port=config.http_port,
            waits_for_owner=waits_for_owner(config.state_dir),
            is_wanted=discovery_choice.read(config.state_dir),
            on_change=self._on_change,
        )
        self.certificate = CertificateVerbs(config.tls_dir, self._names)
        self._models = ModelVerbs(config)
        self.preload = Preload(config.state_dir, self._models)
        guard = UpsGuard(
            Intake(config.runtime_dir), on_change=lambda: nudge(config.runtime_dir / SLEEP)
        )
        self._power = PowerVerbs(
            config, partial(samplers_of, on_ups=guard.hear), guard, machine_caps()
        )
        self._media = MediaVerbs(config.state_dir, config.data_dir)
        restart = partial(nudge, config.runtime_dir / RESTART_BOX)
        self.bench_start = BenchStart(config.data_dir, self._models, restart)
        self._backups = BackupVerbs(
            config.data_dir,
            self._media.targets,
            config=config.runtime_dir / "config.json",
            restart=restart,
        )
        self._appliance = appliance or ApplianceVerbs(config, restart)
        self._calendar = BackupCalendar(self._backups, self._models)
        installer = find_installer()
        sources = Sources(
            config.data_dir / "updates", installer, read_channel(), self._media.folders
        )
        self._updates = UpdateVerbs(config, installer, sources, surroundings(config, self._backups))
        self._update_calendar = UpdateCalendar(self._updates)
        self._rooms: tuple[tuple[Any, Callable[[Any], Message]], ...] = (
            (ModelRequest, self._models.answer),
            (PowerRequest, self._power.answer),
            (MediaRequest, self._media.answer),
            (BackupRequest, self._backups.answer),
            (ApplianceRequest, self._appliance.answer),
            (UpdateRequest, self._updates.answer),
            (MakeSupportBundle, lambda _: SupportBundle(archive=support_archive(config.logs_dir))),
        )
        self._workers = ThreadPoolExecutor(_NUM_WORKERS, thread_name_prefix="slow")
        self._server = Server(config.management_socket, self._on_frame, lambda _: None)

    def start(self) -> None:
        self.certificate.renew()
        self._power.start()
        self._appliance.start()
        self._server.start()
        self._calendar.start()
        self._update_calendar.start()
        # A claim since the first look found nobody on the socket to tell.
        if not waits_for_owner(self._config.state_dir):
            self._advertiser.end_setup()
        if self._config.lan:
            self._advertiser.start()
        if not self._config.lan or not self._advertiser.is_wanted:
            self.settled.set()

    def close(self) -> None:
        self._advertiser.close()
        self._server.close()
        self._calendar.close()
        self._update_calendar.close()
        self._updates.close()
        self._backups.close()
        self._models.close()
        self._power.close()
        self._appliance.close()
        self._media.close()
        self._workers.shutdown(cancel_futures=True)

    def _on_change(self) -> None:
        self.certificate.renew()
        if self._advertiser.state is not DiscoveryState.PROBING:
            self.settled.set()

    def set_discovery(self, request: SetDiscovery) -> None:
        """Announce the box or keep silent, now and after the next start."""
        if not self._config.lan:
            raise InvalidRequestError(
                "The box is not open to the network. Start it with `atre serve --lan`.",
                "Le boîtier n’est pas ouvert au réseau. Démarrez-le avec `atre serve --lan`.",
            )
        try:
            discovery_choice.write(self._config.state_dir, announced=request.announced)
        except OSError as error:
            raise StorageError(
                f"The choice cannot be written: {error}. Free some disk space.",
                f"Le choix ne peut pas être écrit : {error}. Libérez de la place sur le disque.",
            ) from error
        self._advertiser.want(announced=request.announced)

    def set_sleep(self, request: SetSleep) -> None:
        """Let the model sleep by other times, now and after the next start."""
        try:
            sleep_choice.write(self._config.state_dir, request.times)
        except ConfigError as error:
            raise InvalidRequestError(str(error), error.french, param="calendar") from error
        except OSError as error:
            raise StorageError(
                f"The choice cannot be written: {error}. Free some disk space.",
                f"Ce choix ne peut pas être écrit\N{NO-BREAK SPACE}: {error}. Libérez de la "
                "place sur le disque.",
            ) from error
        # A box that is not there reads the choice when it starts.
        with contextlib.suppress(EngineUnavailableError):
            nudge(self._config.runtime_dir / SLEEP)

    def look_at_mac(self) -> None:
        """See whether a Mac would still sleep; elsewhere this does nothing."""
        self._mac_issues = mac_power_issues()

    def _names(self) -> BoxNames:
        return BoxNames(
            host_name=self._advertiser.host_name,
            aliases=self._config.aliases,
            addresses=self._advertiser.addresses,
        )

    def describe(self) -> BoxDescription:
        status = self._advertiser.status
        lan = self._config.lan
        certificate = self.certificate.served if lan else None
        own = [
            *([self.certificate.issue] if self.certificate.issue else []),
            *self._appliance.disk_issues(),
            *(mac.whole for mac in self._mac_issues),
        ]
        note = self._read_note()
        return BoxDescription(
            version=__version__,
            mdns_name=status.host_name if lan else None,
            addresses=list(status.addresses) if lan else [],
            lan_port=self._config.lan_port if lan else None,
            discovery=status.state if lan else DiscoveryState.OFF,
            detail=status.detail,
            responder=status.responder,
            certificate_sha256=certificate.sha256 if certificate else None,
            profile=note.profile,
            profile_fr=note.profile_fr,
            profile_reason=note.reason,
            profile_reason_fr=note.reason_fr,
            issues=[*note.issues, *(issue.text for issue in own)],
            issues_fr=[*note.issues_fr, *(issue.text_fr for issue in own)],
            detail_fr=status.detail_fr,
            notices=certificate.notices if certificate else [],
            authority_sha256=certificate.authority_sha256 if certificate else None,
            certificate_source=certificate.source if certificate else CertificateSource.OWN,
            certificate_ends_at=certificate.ends_at.timestamp() if certificate else None,
            http_port=self._config.http_port,
            plain_http_api=self._config.plain_http_api,
            is_discovery_wanted=self._advertiser.is_wanted,
            aliases=list(self._config.aliases),
            started_at=self._started_at,
            sleep=sleep_choice.in_force(self._config),
        )

    def _on_frame(self, connection: Connection, body: bytes) -> None:
        try:
            request = _decoder.decode(body)
            if isinstance(request, _SlowRequest):
                self._workers.submit(self._answer, connection, request)
                return
            if isinstance(request, EnergyRequest):
                self._power.answer_energy(request, connection.send)
                return
            self._carry_out(request)
            connection.send(self.describe())
        except AtreError as error:
            connection.send(failure(error))
        except msgspec.DecodeError as error:
            connection.send(failure(InvalidRequestError(f"The request is malformed: {error}.")))

    def _carry_out(self, request: ManagementRequest | BoxRequest) -> None:
        match request:
            case UseCertificate():
                self.certificate.use(request)
            case ResetCertificate():
                self.certificate.reset(request)
            case EndSetup():
                self._advertiser.end_setup()
            case SetDiscovery():
                self.set_discovery(request)
            case SetSleep():
                self.set_sleep(request)
            case RestartEngine():
                nudge(self._config.runtime_dir / RESTART)
            case _:
                pass  # only wants the description

    def _answer(self, connection: Connection, request: _SlowRequest) -> None:
        try:
            answer = next(answer for kind, answer in self._rooms if isinstance(request, kind))
            connection.send(answer(request))
        except AtreError as error:
            connection.send(failure(error))
        except Exception:  # noqa: BLE001 -- a surprise must not leave its caller waiting
            _log.exception("a request failed")
            connection.send(failure(AtreError(_FAILED.text, _FAILED.text_fr)))

    def _read_note(self) -> ProfileNote:
        """What there is to say of the plan that runs: it changes with the model."""
        try:
            return msgspec.json.decode(self._config.note_file.read_bytes(), type=ProfileNote)
        except (OSError, msgspec.DecodeError):
            return ProfileNote(
                profile="", profile_fr="", reason="", reason_fr="", issues=[], issues_fr=[]
            )


if __name__ == "__main__":
    main()
