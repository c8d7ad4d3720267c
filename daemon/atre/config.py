# SPDX-License-Identifier: Apache-2.0
import hashlib
import os
import sys
import sysconfig
import tempfile
from pathlib import Path

import msgspec

from atre.errors import ConfigError
from atre.system.host_name import is_host_name

DEFAULT_PORT = 8765
DEFAULT_LAN_PORT = 8443
# A unix socket path has at most 104 bytes on macOS and 108 on Linux (unix(7)), file name included.
_MAX_SOCKET_DIR_BYTES = 80


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a box was told: paths, listeners and models. Handed unchanged to every process.

    The model leaves memory after ``unload_after_s`` without a request, None for never, and in the
    periods of ``sleep``, a calendar as ``atre.choices.sleep_rules`` reads it. ``model_unit`` is the
    socket of the systemd unit that the processes with models run in, None for children of the box.
    """

    data_dir: Path
    runtime_dir: Path
    profiles_dir: Path
    port: int = DEFAULT_PORT
    lan: bool = False
    lan_port: int = DEFAULT_LAN_PORT
    http_port: int | None = None
    plain_http_api: bool = False
    aliases: tuple[str, ...] = ()
    model: str | None = None
    embedding_model: str | None = None
    queue_limit: int = 64
    unload_after_s: float | None = None
    sleep: str = ""
    model_unit: Path | None = None

    def __post_init__(self) -> None:
        for name in ("port", "lan_port"):
            if not 1 <= getattr(self, name) <= 65535:  # noqa: PLR2004
                raise _no_port(name, getattr(self, name))
        if self.lan and self.port == self.lan_port:
            raise ConfigError(
                f"port and lan_port are both {self.port}; choose two different ones.",
                f"port et lan_port valent tous deux {self.port}\N{NO-BREAK SPACE}; choisissez-en "
                "deux différents.",
            )
        self._check_http()
        for alias in self.aliases:
            if not is_host_name(alias):
                raise ConfigError(
                    f"{alias[:100]!r} is no host name: use small letters, digits, hyphens and "
                    "dots.",
                    f"{alias[:100]!r} n’est pas un nom d’hôte\N{NO-BREAK SPACE}: employez des "
                    "lettres minuscules "
                    "sans accent, des chiffres, des traits d’union et des points.",
                )
        if self.queue_limit < 1:
            raise ConfigError(
                f"queue_limit must be 1 or more, not {self.queue_limit}.",
                f"queue_limit doit valoir 1 ou plus, pas {self.queue_limit}.",
            )
        if self.unload_after_s is not None and self.unload_after_s <= 0:
            raise ConfigError(
                f"unload_after_s must be more than 0, not {self.unload_after_s}.",
                f"unload_after_s doit être supérieur à 0, pas {self.unload_after_s}.",
            )

    def _check_http(self) -> None:
        if self.http_port is None:
            if self.plain_http_api:
                raise ConfigError(
                    "plain_http_api needs http_port, the port without TLS.",
                    "plain_http_api demande http_port, le port sans TLS.",
                )
            return
        if not self.lan:
            raise ConfigError(
                "http_port is for the LAN: set lan too.",
                "http_port est pour le réseau local\N{NO-BREAK SPACE}: réglez aussi lan.",
            )
        if not 1 <= self.http_port <= 65535:  # noqa: PLR2004
            raise _no_port("http_port", self.http_port)
        if self.http_port in (self.port, self.lan_port):
            raise ConfigError(
                f"http_port {self.http_port} is taken by the box; choose another.",
                f"http_port {self.http_port} est déjà pris par le boîtier\N{NO-BREAK SPACE}; "
                "choisissez-en un autre.",
            )

    @property
    def engine_socket(self) -> Path:
        return self.runtime_dir / "engine.sock"

    @property
    def embedder_socket(self) -> Path:
        return self.runtime_dir / "embedder.sock"

    @property
    def management_socket(self) -> Path:
        return self.runtime_dir / "atred.sock"

    @property
    def note_file(self) -> Path:
        """What the daemon tells of the plan that runs: atre.plan.planning.ProfileNote."""
        return self.runtime_dir / "profile-note.json"

    @property
    def advice_file(self) -> Path:
        """The catalogue's model for this machine: atre.plan.recommend.Recommendation or null."""
        return self.runtime_dir / "model-advice.json"

    @property
    def database(self) -> Path:
        return self.data_dir / "atre.db"

    @property
    def state_dir(self) -> Path:
        return self.data_dir / "state"

    @property
    def logs_dir(self) -> Path:
        return self.data_dir / "logs"

    @property
    def tls_dir(self) -> Path:
        return self.data_dir / "tls"


def save(config: Config, path: Path) -> None:
    """Write the resolved configuration, for child processes to ``load``."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(config, enc_hook=str)))


def load(path: Path) -> Config:
    """Read a configuration written by ``save`` or by hand.

    Raises ConfigError naming the file and the field: unknown keys and wrong types are errors.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Config, dec_hook=_decode_path)
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}).",
            f"{path}\N{NO-BREAK SPACE}: illisible ({error.strerror}).",
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}.", f"{path}\N{NO-BREAK SPACE}: {error}.") from error


def _no_port(name: str, value: int) -> ConfigError:
    return ConfigError(
        f"{name} must be between 1 and 65535, not {value}.",
        f"{name} doit être compris entre 1 et 65535, pas {value}.",
    )


def _decode_path(kind: type, value: object) -> Path:
    if kind is not Path or not isinstance(value, str):
        raise TypeError(f"expected a path, not {value!r}")
    return Path(value)


def default_data_dir() -> Path:
    """Where a user's box keeps its data (XDG base directories; Application Support on macOS)."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "Atre"
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "atre"


def default_profiles_dir() -> Path:
    """The checkout's ``hardware-profiles``, or where the wheel installed them."""
    checkout = Path(__file__).parents[2] / "hardware-profiles"
    installed = Path(sysconfig.get_path("data")) / "share" / "atre" / "hardware-profiles"
    return checkout if checkout.is_dir() else installed


def default_runtime_dir(data_dir: Path) -> Path:
    """Where the sockets go: beside the data, or under the temporary directory for long paths."""
    beside = data_dir / "run"
    if len(os.fsencode(beside)) <= _MAX_SOCKET_DIR_BYTES:
        return beside
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"atre-{os.getuid()}-{digest}"
