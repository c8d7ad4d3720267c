# SPDX-License-Identifier: Apache-2.0
"""``atre backup targets add-disk``, ``add-folder`` and ``add-sftp``."""

from pathlib import Path

import click

from atre.cli.backup.door import data_dir_option, lang_option, opened
from atre.ipc.media_messages import (
    AddDiskTarget,
    AddFolderTarget,
    AddSftpTarget,
    AskSftpHost,
    DescribeTargets,
    SftpHost,
)
from atre.terminal.language import say

_LONGEST = 64
_label = click.option("--label", metavar="NAME", help="What to call it.  [default: what it is]")


@click.command()
@click.argument("disk")
@_label
@data_dir_option
@lang_option
def add_disk(disk: str, label: str | None, data_dir: Path) -> None:
    """Back up to a disk that is plugged in. `atre backup targets` lists them."""
    with opened(data_dir, makes=True) as door:
        found = door.targets(DescribeTargets()).disks
        named = next((each for each in found if disk in (each.id, each.label)), None)
        request = AddDiskTarget(
            disk=named.id if named else disk, label=_short(label or (named and named.label) or disk)
        )
        door.targets(request)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@_label
@click.option("--mounted", is_flag=True, help="Only while something is mounted there.")
@data_dir_option
@lang_option
def add_folder(folder: Path, label: str | None, data_dir: Path, *, mounted: bool) -> None:
    """Back up to a folder, which may be a mounted share."""
    path = str(folder.expanduser().absolute())
    with opened(data_dir, makes=True) as door:
        door.targets(AddFolderTarget(path=path, label=_short(label or path), mounted=mounted))


@click.command()
@click.argument("user")
@click.argument("host")
@click.argument("path")
@_label
@click.option("--port", type=click.IntRange(1, 65535), default=22, show_default=True)
@click.option("--fingerprint", metavar="SHA256:…", help="The server's, instead of being asked.")
@data_dir_option
@lang_option
def add_sftp(
    *,
    user: str,
    host: str,
    path: str,
    label: str | None,
    port: int,
    fingerprint: str | None,
    data_dir: Path,
) -> None:
    """Back up to a folder of a server. The box's own key must be let in there first."""
    with opened(data_dir, makes=True) as door:
        server = door.change(AskSftpHost(host=host, port=port))
        if not isinstance(server, SftpHost):
            raise TypeError(server)
        if fingerprint is None:
            key, shown = server.sftp_key, server.fingerprint
            click.echo(
                say(f"Key of the box, for {user}:", f"Clé du boîtier, pour {user}\u00a0:"), err=True
            )
            click.echo(key, err=True)
            question = say(
                f"{host} shows {shown}. Is it its key, and may the box in?",
                f"{host} présente {shown}. Est-ce sa clé, et le boîtier peut-il "
                "entrer\N{NO-BREAK SPACE}?",
            )
            click.confirm(question, abort=True, err=True)
            fingerprint = shown
        door.targets(
            AddSftpTarget(
                host=host,
                port=port,
                user=user,
                path=path,
                label=_short(label or host),
                fingerprint=fingerprint,
            )
        )


def _short(label: str) -> str:
    return label[-_LONGEST:]
