# SPDX-License-Identifier: Apache-2.0
"""``atred``, the management daemon: the box's names on the LAN and its certificate."""

import datetime as dt
import logging
import signal
import sys
import threading
from pathlib import Path

import click
import msgspec

from atre import __version__
from atre import config as configuration
from atre.certificate import ensure_certificate
from atre.config import Config
from atre.discovery.advertiser import Advertiser
from atre.errors import InvalidRequestError
from atre.ipc.failure import failure
from atre.ipc.messages import BoxDescription, DiscoveryState, ManagementRequest
from atre.ipc.server import Connection, Server
from atre.lifeline import end_with_parent
from atre.notify import notify
from atre.planning import ProfileNote

_log = logging.getLogger(__name__)

_RENEWAL_CHECK_S = 3600.0
# Probing takes a second; with many conflicts the box starts under a name that may still change.
_SETTLE_TIMEOUT_S = 8.0


@click.command()
@click.option("--config", "config_path", type=click.Path(path_type=Path), required=True)
@click.option("--note", "note_path", type=click.Path(path_type=Path), required=True)
@click.option("--lifeline", is_flag=True, help="End when standard input closes.")
def main(config_path: Path, note_path: Path, *, lifeline: bool) -> None:
    """Run the management daemon: discovery, certificate, facts about the box."""
    logging.basicConfig(level=logging.INFO, format="atred: %(message)s", stream=sys.stderr)
    if lifeline:
        end_with_parent()
    config = configuration.load(config_path)
    note = msgspec.json.decode(note_path.read_bytes(), type=ProfileNote)
    daemon = ManagementDaemon(config, note)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    daemon.start()
    daemon.settled.wait(_SETTLE_TIMEOUT_S)
    notify("READY=1")
    while not stop.wait(_RENEWAL_CHECK_S):
        daemon.renew_certificate()
    daemon.close()


class ManagementDaemon:
    """Keeps the box findable and its certificate right, and answers on ``atred.sock``."""

    def __init__(self, config: Config, note: ProfileNote) -> None:
        self._config = config
        self._note = note
        self._lock = threading.Lock()
        self._certificate_sha256: str | None = None
        self.settled = threading.Event()
        self._issue = ""
        self._advertiser = Advertiser(
            config.state_dir, https_port=config.lan_port, on_change=self._on_change
        )
        self._server = Server(config.management_socket, self._on_frame, lambda _: None)

    def start(self) -> None:
        self.renew_certificate()
        self._server.start()
        if self._config.lan:
            self._advertiser.start()
        else:
            self.settled.set()

    def close(self) -> None:
        self._advertiser.close()
        self._server.close()

    def _on_change(self) -> None:
        self.renew_certificate()
        if self._advertiser.state is not DiscoveryState.PROBING:
            self.settled.set()

    def renew_certificate(self) -> None:
        """Make the certificate say the box's present name and addresses."""
        with self._lock:
            try:
                self._certificate_sha256 = ensure_certificate(
                    self._config.tls_dir,
                    host_name=self._advertiser.host_name,
                    addresses=self._advertiser.addresses,
                    now=dt.datetime.now(dt.UTC),
                )
                self._issue = ""
            except OSError as error:
                self._issue = f"The certificate cannot be written: {error}. Free some disk space."
                _log.exception("the certificate cannot be written")

    def describe(self) -> BoxDescription:
        status = self._advertiser.status
        lan = self._config.lan
        return BoxDescription(
            version=__version__,
            mdns_name=status.host_name if lan else None,
            addresses=list(status.addresses) if lan else [],
            lan_port=self._config.lan_port if lan else None,
            discovery=status.state if lan else DiscoveryState.OFF,
            detail=status.detail,
            responder=status.responder,
            certificate_sha256=self._certificate_sha256 if lan else None,
            profile=self._note.profile,
            profile_fr=self._note.profile_fr,
            profile_reason=self._note.reason,
            profile_reason_fr=self._note.reason_fr,
            issues=[*self._note.issues, *filter(None, [self._issue])],
        )

    def _on_frame(self, connection: Connection, body: bytes) -> None:
        try:
            msgspec.msgpack.decode(body, type=ManagementRequest)
            connection.send(self.describe())
        except msgspec.DecodeError as error:
            connection.send(failure(InvalidRequestError(f"The request is malformed: {error}.")))


if __name__ == "__main__":
    main()
