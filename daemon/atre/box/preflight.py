# SPDX-License-Identifier: Apache-2.0
"""What a box makes sure of before it starts anything: folders, the lock on them, ports."""

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator

from atre.config import Config
from atre.errors import ConfigError
from atre.space.reserve import give_up_slice


def make_directories(config: Config) -> None:
    """Make the box's own folders. Raises ConfigError where that may not be."""
    for directory in (config.data_dir, config.runtime_dir, config.state_dir, config.tls_dir):
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"{directory} cannot be made ({error.strerror}). Choose another place with "
                "--data-dir.",
                f"{directory} ne peut pas être créé ({error.strerror}). Choisissez un autre "
                "endroit avec --data-dir.",
            ) from error
    # A full disk must not keep the box from starting, and people from deleting.
    give_up_slice(config.data_dir)
    if config.runtime_dir.stat().st_uid != os.getuid():
        raise ConfigError(
            f"{config.runtime_dir} belongs to somebody else; choose --data-dir.",
            f"{config.runtime_dir} est à quelqu’un d’autre\N{NO-BREAK SPACE}; choisissez "
            "--data-dir.",
        )


@contextlib.contextmanager
def only_box_here(config: Config) -> Iterator[None]:
    """Hold the data directory's lock, which the kernel releases with the process (flock(2)).

    Raises ConfigError while another box holds it.
    """
    with (config.data_dir / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ConfigError(
                f"Another box already runs on {config.data_dir}. Stop it, or give this one its "
                "own --data-dir and --port.",
                f"Un autre boîtier tourne déjà sur {config.data_dir}. Arrêtez-le, ou donnez à "
                "celui-ci ses propres --data-dir et --port.",
            ) from error
        yield


def check_ports(config: Config) -> None:
    """Raise ConfigError for a port that cannot be had, with the option that chooses another."""
    ports = [("port", "127.0.0.1", config.port)]
    if config.lan:
        ports.append(("lan-port", "0.0.0.0", config.lan_port))  # noqa: S104
    if config.http_port:
        ports.append(("http-port", "0.0.0.0", config.http_port))  # noqa: S104
    for option, host, port in ports:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                raise ConfigError(
                    f"Port {port} cannot be used ({error.strerror}). Choose another with "
                    f"--{option}.",
                    f"Le port {port} ne peut pas servir ({error.strerror}). Choisissez-en un autre "
                    f"avec --{option}.",
                ) from error
