# SPDX-License-Identifier: Apache-2.0
import datetime as dt
import logging
import threading
from collections.abc import Callable
from pathlib import Path

from atre.certificate import served
from atre.certificate.names import BoxNames
from atre.errors import StorageError
from atre.ipc.messages import ResetCertificate, UseCertificate
from atre.sentence import Sentence

_log = logging.getLogger(__name__)


class CertificateVerbs:
    """What ``atred`` does about the certificate: keeps it right, takes the owner's, and forgets it.

    ``names`` tells what the box is called now; ``served`` is what is served, None before the first
    ``renew``, and ``issue`` why it could not be renewed.
    """

    def __init__(self, tls_dir: Path, names: Callable[[], BoxNames]) -> None:
        self._tls_dir = tls_dir
        self._names = names
        self._lock = threading.Lock()
        self.served: served.Served | None = None
        self.issue: Sentence | None = None

    def renew(self) -> None:
        """Make the certificate say the box's present name and addresses."""
        with self._lock:
            try:
                self.served = served.refresh(self._tls_dir, self._names(), dt.datetime.now(dt.UTC))
                self.issue = None
            except OSError as error:
                self.issue = Sentence(
                    f"The certificate cannot be written: {error}. Free some disk space.",
                    f"Le certificat ne peut pas être écrit\N{NO-BREAK SPACE}: {error}. Libérez "
                    "de la place sur le disque.",
                )
                _log.exception("the certificate cannot be written")

    def use(self, request: UseCertificate) -> None:
        """Serve the owner's certificate. Raises InvalidRequestError if it cannot be served."""
        with self._lock:
            try:
                served.use_imported(
                    self._tls_dir,
                    request.certificate,
                    request.key,
                    request.chain,
                    self._names(),
                    dt.datetime.now(dt.UTC),
                )
            except OSError as error:
                raise StorageError(
                    f"The certificate cannot be written: {error}.",
                    f"Le certificat ne peut pas être écrit : {error}.",
                ) from error
        self.renew()

    def reset(self, request: ResetCertificate) -> None:
        """Serve the box's own certificate."""
        with self._lock:
            try:
                served.forget_imported(self._tls_dir)
                if request.authority:
                    served.forget_authority(self._tls_dir)
            except OSError as error:
                raise StorageError(
                    f"The certificate cannot be removed: {error}.",
                    f"Le certificat ne peut pas être retiré : {error}.",
                ) from error
        self.renew()
