# SPDX-License-Identifier: Apache-2.0
"""A server as a target, over SFTP, with the box's own key and the server's pinned one.

The programs are OpenSSH's, which restic uses too.
"""

import base64
import binascii
import hashlib
import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from atre.errors import MediaError
from atre.media.record import SftpRecord
from atre.system.durable import write_durably

_KEY = "backup-key"
_KNOWN = "backup-hosts"
_ASK_S = 5
_LOGIN_S = 20
# The strongest first; a server has one of each at most.
_TYPES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "ssh-rsa")
# Neither may begin with a hyphen: ssh would take it for an option.
_HOST = re.compile(r"[A-Za-z0-9_:][A-Za-z0-9_.:-]*")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]*")
# What ssh, sftp and restic all take without quoting.
_PATH = re.compile(r"/[\w./ -]*")


@dataclass(frozen=True, slots=True)
class HostKey:
    """The key by which a server is known: ``TYPE BASE64``, as in a known_hosts file."""

    line: str

    @property
    def kind(self) -> str:
        return self.line.partition(" ")[0]

    @property
    def fingerprint(self) -> str:
        """SHA256:…, as ssh shows it (ssh-keygen(1), -l)."""
        digest = hashlib.sha256(base64.b64decode(self.line.split()[1])).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def own_key(state_dir: Path) -> str:
    """The box's public key, made now if there is none: one line of an authorized_keys file.

    Raises OSError.
    """
    private, public = state_dir / _KEY, state_dir / f"{_KEY}.pub"
    if not (private.exists() and public.exists()):
        key = Ed25519PrivateKey.generate()
        line = key.public_key().public_bytes(
            serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
        )
        write_durably(
            private,
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.OpenSSH,
                serialization.NoEncryption(),
            ),
        )
        write_durably(public, line + b" atre-backup\n", mode=0o644)
    return public.read_text("ascii").strip()


def known_key(state_dir: Path) -> str | None:
    """The same, None where none was made yet."""
    try:
        return (state_dir / f"{_KEY}.pub").read_text("ascii").strip()
    except OSError:
        return None


def ask_host(host: str, port: int, *, timeout_s: int = _ASK_S) -> HostKey:
    """The key that a server shows. Raises MediaError."""
    check_host(host)
    kinds = "ed25519,ecdsa,rsa"
    argv = ["ssh-keyscan", "-T", str(timeout_s), "-p", str(port), "-t", kinds, "--", host]
    try:
        # Three kinds are asked for one after the other.
        said = subprocess.run(
            argv, check=False, capture_output=True, text=True, timeout=3 * timeout_s + 1
        ).stdout
    except FileNotFoundError as error:
        raise _no_ssh() from error
    except subprocess.TimeoutExpired as error:
        raise _silent(host, port) from error
    keys = host_keys(said)
    if not keys:
        raise _silent(host, port)
    return keys[0]


def host_keys(said: str) -> list[HostKey]:
    """The keys in what ssh-keyscan wrote, the strongest first; what is malformed is left out."""
    found = []
    for line in said.splitlines():
        fields = line.split()
        if len(fields) != 3 or fields[1] not in _TYPES:  # noqa: PLR2004 -- host, type, key
            continue
        try:
            base64.b64decode(fields[2], validate=True)
        except binascii.Error:
            continue
        found.append(HostKey(f"{fields[1]} {fields[2]}"))
    return sorted(found, key=lambda each: _TYPES.index(each.kind))


def check_host(host: str) -> None:
    """Raises MediaError for what is no host name or address."""
    if not _HOST.fullmatch(host):
        raise MediaError(
            "That is no name or address of a server.",
            "Ce n’est ni le nom ni l’adresse d’un serveur.",
        )


def check_account(user: str, path: str) -> None:
    """Raises MediaError for a user or a folder that cannot be one."""
    if not _USER.fullmatch(user):
        raise MediaError("That is no user's name.", "Ce n’est pas un nom d’utilisateur.")
    if not _PATH.fullmatch(path) or ".." in path.split("/"):
        raise MediaError(
            "The folder must be a whole path, from / on, of letters, digits, spaces and . _ -",
            "Le dossier doit être un chemin complet, à partir de /, fait de lettres, de chiffres, "
            "d’espaces et de . _ -",
        )


def ssh_options(state_dir: Path, record: SftpRecord) -> list[str]:
    """Options of ssh(1): our key, that server's key, and no question to anybody."""
    return [
        *("-i", str(state_dir / _KEY)),
        *("-o", f"Port={record.port}"),
        *("-o", f"UserKnownHostsFile={_pinned(state_dir, record)}"),
        *("-o", "GlobalKnownHostsFile=/dev/null"),
        *("-o", "StrictHostKeyChecking=yes"),
        *("-o", f"HostKeyAlgorithms={_algorithms(record.host_key)}"),
        *("-o", "BatchMode=yes"),
        *("-o", "LogLevel=ERROR"),
        *("-o", "IdentitiesOnly=yes"),
        *("-o", f"ConnectTimeout={_ASK_S}"),
        *("-o", "ServerAliveInterval=15"),
    ]


def restic_options(state_dir: Path, record: SftpRecord) -> tuple[str, ...]:
    """What restic is given with ``-o`` so that its ssh goes by the same keys."""
    return (f"sftp.args={shlex.join(ssh_options(state_dir, record))}",)


def location(record: SftpRecord) -> str:
    """The folder as restic names it."""
    host = f"[{record.host}]" if ":" in record.host else record.host
    return f"sftp:{record.user}@{host}:{record.path}"


def try_login(state_dir: Path, record: SftpRecord) -> None:
    """Sign in, and look into the folder. Raises MediaError that says what to mend."""
    host = f"[{record.host}]" if ":" in record.host else record.host
    argv = ["sftp", "-b", "-", *ssh_options(state_dir, record), f"{record.user}@{host}"]
    try:
        done = subprocess.run(
            argv, input=f'cd "{record.path}"\n', check=False, capture_output=True, text=True,
            timeout=_LOGIN_S,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise _no_ssh() from error
    except subprocess.TimeoutExpired as error:
        raise _silent(record.host, record.port) from error
    if done.returncode:
        raise login_failure(done.stderr, record)


def login_failure(said: str, record: SftpRecord) -> MediaError:
    """What the words of ssh and sftp mean."""
    if "Host key verification failed" in said or "IDENTIFICATION HAS CHANGED" in said:
        return HostChangedError(record.host)
    if "Permission denied (" in said:
        return MediaError(
            "The server does not let the box in. Add the box's key to that user's authorized_keys.",
            "Le serveur ne laisse pas entrer le boîtier. Ajoutez la clé du boîtier au fichier "
            "authorized_keys de cet utilisateur.",
        )
    if "No such file" in said or "not found" in said:
        return MediaError(
            f"The server has no folder {record.path}. Make it there first.",
            f"Le serveur n’a pas de dossier {record.path}. Créez-le d’abord.",
        )
    return _silent(record.host, record.port)


class HostChangedError(MediaError):
    """The server shows another key than the one that was confirmed."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"{host} shows another key than the one that was confirmed: it was set up anew, or "
            "somebody stands in between. Compare the fingerprint at the server, then remove the "
            "target and add it again.",
            f"{host} présente une autre clé que celle qui a été confirmée\N{NO-BREAK SPACE}: il a "
            "été réinstallé, ou quelqu’un s’interpose. Comparez l’empreinte sur le serveur, puis "
            "retirez cette destination et ajoutez-la à nouveau.",
        )


def _pinned(state_dir: Path, record: SftpRecord) -> Path:
    """A known_hosts file with that one key, made from the record whenever it is used."""
    name = record.host if record.port == 22 else f"[{record.host}]:{record.port}"  # noqa: PLR2004
    path = state_dir / f"{_KNOWN}-{record.id}"
    content = f"{name} {record.host_key}\n".encode()
    if not path.exists() or path.read_bytes() != content:
        write_durably(path, content)
    return path


def _algorithms(host_key: str) -> str:
    kind = HostKey(host_key).kind
    return "rsa-sha2-512,rsa-sha2-256" if "rsa" in kind else kind


def _silent(host: str, port: int) -> MediaError:
    return MediaError(
        f"{host} does not answer on port {port}. Check its name, the network, and that it runs.",
        f"{host} ne répond pas sur le port {port}. Vérifiez son nom, le réseau, et qu’il est "
        "allumé.",
    )


def _no_ssh() -> MediaError:
    return MediaError(
        "This system has no OpenSSH. Install the package openssh-client.",
        "Ce système n’a pas OpenSSH. Installez le paquet openssh-client.",
    )
