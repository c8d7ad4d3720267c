# SPDX-License-Identifier: Apache-2.0
import socket
import ssl
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from atre.config import Config
from atre_web.worker import PatientTlsSocket, QuietLogger, Worker

# One thread serves one request, streams included: this many people can wait or read at once.
_NUM_THREADS = 128
_GRACE_S = 5  # from the order to stop to the kill; the worker ends its answers before that
_KEEP_ALIVE_S = 30  # longer than a browser's pause between two clicks


class Listener(StrEnum):
    """Where requests come from: this machine in clear, or the LAN, always in TLS."""

    LOOPBACK = "loopback"
    LAN = "lan"


def run_listener(listener: Listener, config: Config, make_app: Callable[[], Flask]) -> None:
    """Serve until SIGTERM. One worker process: threads share what little state there is."""
    options = _COMMON | (_loopback(config) if listener is Listener.LOOPBACK else _lan(config))
    _Server(options, make_app).run()


class _Server(BaseApplication):  # type: ignore[misc]
    """gunicorn with our settings and nothing from its own configuration files."""

    def __init__(self, options: dict[str, object], make_app: Callable[[], Flask]) -> None:
        self._options = options
        self._make_app = make_app
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
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
    "proc_name": "atre-web",
}


def _loopback(config: Config) -> dict[str, object]:
    return {"bind": [f"127.0.0.1:{config.port}"]}


def _lan(config: Config) -> dict[str, object]:
    host = "[::]" if _has_ipv6() else "0.0.0.0"  # noqa: S104 -- the LAN is the point; TLS only
    return {
        "bind": [f"{host}:{config.lan_port}"],
        "certfile": str(config.tls_dir / "leaf.crt"),
        "keyfile": str(config.tls_dir / "leaf.key"),
        "ssl_context": _tls_1_3,
    }


def _tls_1_3(config: Any, _default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    """Called for every connection, so a renewed certificate is used at once."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.sslsocket_class = PatientTlsSocket
    context.load_cert_chain(config.certfile, config.keyfile)
    return context


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True
