# SPDX-License-Identifier: Apache-2.0
"""``atre certificate``: what the box shows to browsers, its own or one that its owner brought."""

import datetime as dt
from pathlib import Path

import click
import msgspec

from atre.certificate.imported import MAX_BYTES
from atre.config import default_runtime_dir
from atre.errors import ConfigError, EngineUnavailableError
from atre.ipc.client import ManagementClient
from atre.ipc.messages import BoxDescription, CertificateSource
from atre.terminal.language import in_french, lang_option, say
from atre.terminal.options import data_dir_option, json_option

_file = click.Path(path_type=Path, dir_okay=False)


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What ``atre certificate show --json`` prints. Fingerprints are SHA-256 in hex."""

    source: CertificateSource
    sha256: str
    authority_sha256: str | None
    ends_at: dt.datetime
    notices: list[str]


@click.group()
@lang_option
def certificate() -> None:
    """The certificate that the box shows to browsers on the LAN."""


@certificate.command()
@data_dir_option
@json_option
@lang_option
def show(data_dir: Path, *, as_json: bool) -> None:
    """Show the certificate that is served. Until when it holds, and the fingerprints to compare."""
    box = _box(data_dir).describe()
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(_shown(box))))
    else:
        _print(box)


@certificate.command("import")
@click.argument("certificate_file", metavar="CERTIFICATE", type=_file)
@click.argument("key_file", metavar="KEY", type=_file)
@click.option("--chain", "chain_file", type=_file, help="The intermediate certificates.")
@data_dir_option
@lang_option
def import_(
    certificate_file: Path, key_file: Path, chain_file: Path | None, data_dir: Path
) -> None:
    """Have the running box serve a CERTIFICATE of your own, at once.

    The files are PEM or DER; KEY has no password. What cannot work is refused with the reason.
    """
    chain = _read(chain_file) if chain_file else b""
    box = _box(data_dir)
    _print(box.use_certificate(_read(certificate_file), _read(key_file), chain))


@certificate.command()
@click.option(
    "--authority",
    is_flag=True,
    help="Also make a new authority. Every device has to trust it once more.",
)
@data_dir_option
@lang_option
def reset(data_dir: Path, *, authority: bool) -> None:
    """Have the running box serve its own certificate again."""
    _print(_box(data_dir).reset_certificate(authority=authority))


def _box(data_dir: Path) -> ManagementClient:
    runtime_dir = default_runtime_dir(data_dir.expanduser().absolute())
    box = ManagementClient(runtime_dir / "atred.sock")
    try:
        box.describe()
    except EngineUnavailableError as error:
        raise ConfigError(
            say(
                f"No box runs on {data_dir}. Start it with `atre serve --lan`, or name the right "
                "folder with --data-dir.",
                f"Aucun boîtier ne tourne sur {data_dir}. Démarrez-le avec `atre serve --lan`, ou "
                "nommez le bon dossier avec --data-dir.",
            )
        ) from error
    return box


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read ({error.strerror}).",
            f"{path} est illisible ({error.strerror}).",
        ) from error


def _shown(box: BoxDescription) -> Shown:
    if box.certificate_sha256 is None or box.certificate_ends_at is None:
        raise ConfigError(
            say(
                "This box serves no certificate: it is not open to the LAN. Start it with --lan.",
                "Ce boîtier ne sert aucun certificat : il n’est pas ouvert au réseau. Démarrez-le "
                "avec --lan.",
            )
        )
    return Shown(
        source=box.certificate_source,
        sha256=box.certificate_sha256,
        authority_sha256=box.authority_sha256,
        ends_at=dt.datetime.fromtimestamp(box.certificate_ends_at, dt.UTC),
        notices=[notice.text for notice in box.notices],
    )


def _print(box: BoxDescription) -> None:
    shown = _shown(box)
    day = f"{shown.ends_at:%Y-%m-%d}"
    if shown.source is CertificateSource.IMPORTED:
        click.echo(say(f"Imported, until {day}", f"Importé, jusqu’au {day}"))
    else:
        click.echo(say(f"The box's own, until {day}", f"Du boîtier, jusqu’au {day}"))
    click.echo(say("Certificate (SHA-256):", "Certificat (SHA-256) :"))
    click.echo(f"  {_grouped(shown.sha256)}")
    if shown.authority_sha256:
        click.echo(say("Authority of the box (SHA-256):", "Autorité du boîtier (SHA-256) :"))
        click.echo(f"  {_grouped(shown.authority_sha256)}")
    for notice in box.notices:
        click.echo(f"! {notice.spoken(french=in_french())}")


def _grouped(sha256: str) -> str:
    digits = sha256.upper()
    return " ".join(digits[start : start + 4] for start in range(0, len(digits), 4))
