# SPDX-License-Identifier: Apache-2.0
import socket
import ssl
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from gunicorn.app.base import BaseApplication

from atre.certificate.files import served_file
from atre.config import Config
from atre_web.worker import PatientTlsSocket, QuietLogger, Worker

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

# One thread serves one request, streams included: this many people can wait or read at once.
_NUM_THREADS = 128
_GRACE_S = 5  # from the order to stop to the kill; the worker ends its answers before that
_KEEP_ALIVE_S = 30  # longer than a browser's pause between two clicks


class Listener(StrEnum):
    """Where requests come from: this machine in clear, the LAN in TLS, or the LAN in clear.

    The last one hands out the box's certificate authority, and no page or cookie of the panel.
    """

    LOOPBACK = "loopback"
    LAN = "lan"
    HTTP = "http"


def run_listener(
    listener: Listener, config: Config, make_app: "Callable[[], WSGIApplication]"
) -> None:
    """Serve until SIGTERM. One worker process: threads share what little state there is."""
    _Server(_COMMON | _ADDRESS[listener](config), make_app).run()


class _Server(BaseApplication):  # type: ignore[misc]
    """gunicorn with our settings and nothing from its own configuration files."""

    def __init__(
        self, options: dict[str, object], make_app: "Callable[[], WSGIApplication]"
    ) -> None:
        self._options = options
        self._make_app = make_app
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> "WSGIApplication":
        return self._make_app()


_COMMON: dict[str, object] = {
    "worker_class": Worker,
    "logger_class": QuietLogger,
    "workers": 1,
    "threads": _NUM_THREADS,
    "timeout": 0,  # a stream may last; a stuck engine is the engine's watchdog's business
    "graceful_timeout": _GRACE_S,
    "keepalive": _KEEP_ALIVE_S,
    "accesslog": None,
    "loglevel": "warning",
    "control_socket_disable": True,
    # No proxy stands before these listeners, so nobody says for somebody else where a request
    # comes from. gunicorn's own default believes every program on loopback.
    "forwarded_allow_ips": "",
    "secure_scheme_headers": {},
    "forwarder_headers": "",
    "proc_name": "atre-web",
}


def _loopback(config: Config) -> dict[str, object]:
    return {"bind": [f"127.0.0.1:{config.port}"]}


def _lan(config: Config) -> dict[str, object]:
    served = str(served_file(config.tls_dir))
    return {
        "bind": [f"{_everywhere()}:{config.lan_port}"],
        "certfile": served,
        "keyfile": served,
        "ssl_context": _tls_1_3,
    }


def _http(config: Config) -> dict[str, object]:
    return {"bind": [f"{_everywhere()}:{config.http_port}"]}


_ADDRESS = {Listener.LOOPBACK: _loopback, Listener.LAN: _lan, Listener.HTTP: _http}


def _tls_1_3(config: Any, _default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    """Called for every connection, so a renewed certificate is used at once."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.sslsocket_class = PatientTlsSocket
    context.load_cert_chain(config.certfile, config.keyfile)
    return context


def _everywhere() -> str:
    return "[::]" if _has_ipv6() else "0.0.0.0"  # noqa: S104 -- the LAN is the point


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True
