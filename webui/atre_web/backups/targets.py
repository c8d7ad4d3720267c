# SPDX-License-Identifier: Apache-2.0
"""Places for backups: added, released, removed, a disk formatted, a server confirmed."""

from werkzeug.wrappers import Response

from atre.ipc.media_messages import (
    AddDiskTarget,
    AddFolderTarget,
    AddSftpTarget,
    AskSftpHost,
    FormatDisk,
    IgnoreDisk,
    MediaRequest,
    ReleaseTarget,
    RemoveTarget,
    RenameTarget,
)
from atre_web.backups.blueprint import blueprint, media
from atre_web.backups.page import REFUSED, do, page
from atre_web.panel.form import field, number
from atre_web.panel.wording import gettext, said

_SSH_PORT, _LAST_PORT = 22, 65535
_LONGEST_HOST, _LONGEST_USER = 253, 64  # atre.ipc.media_messages


@blueprint.post("/backups/targets/disk")
def add_disk() -> Response:
    """Back up to a disk that is plugged in."""
    request = AddDiskTarget(disk=field("disk"), label=_label(field("disk")))
    return _change(request, "backup.target.add", "added", request.label)


@blueprint.post("/backups/targets/ignore")
def ignore_disk() -> Response:
    """Do not offer a disk again."""
    return _change(IgnoreDisk(disk=field("disk")), "backup.target.ignore", "")


@blueprint.post("/backups/targets/format")
def format_disk() -> Response:
    """Erase a disk, once its name was typed."""
    request = FormatDisk(
        disk=field("disk"), confirmation=field("confirmation"), label=_label(gettext("Sauvegardes"))
    )
    return _change(request, "backup.disk.format", "formatted", field("disk"))


@blueprint.post("/backups/targets/folder")
def add_folder() -> Response:
    """Back up to a folder, which may be a mounted share."""
    path = field("path").strip()
    typed = {name: field(name) for name in ("path", "label", "mounted")}
    if not path:
        problem = gettext("Écrivez le chemin complet du dossier, à partir de /.")
        return page(400, problem=problem, folder=typed)
    request = AddFolderTarget(path=path, label=_label(path), mounted=field("mounted") == "yes")
    return _change(request, "backup.target.add", "added", request.label, folder=typed)


@blueprint.post("/backups/targets/server")
def add_server() -> Response:
    """Show a server's fingerprint, then add the one that was confirmed."""
    problem = _why_no_server()
    if problem:
        return page(400, problem=problem, typed=_typed())
    port = number("port") or _SSH_PORT
    host, fingerprint = field("host").strip(), field("fingerprint")
    if not fingerprint:
        try:
            server = media().ask_sftp_host(AskSftpHost(host=host, port=port))
        except REFUSED as error:
            return page(400, problem=said(error.sentence), typed=_typed())
        return page(server=server, typed=_typed())
    request = AddSftpTarget(
        host=host,
        port=port,
        user=field("user").strip(),
        path=field("path").strip(),
        label=_label(host),
        fingerprint=fingerprint,
    )
    return _change(request, "backup.target.add", "added", request.label, typed=_typed())


@blueprint.post("/backups/targets/release")
def release() -> Response:
    """Let a disk be unplugged."""
    target = field("target")
    return _change(ReleaseTarget(target=target), "backup.target.release", "released", target)


@blueprint.post("/backups/targets/rename")
def rename() -> Response:
    """Call a place otherwise."""
    target, label = field("target"), " ".join(field("label").split())[:64]
    if not label.isprintable() or not label:
        return page(400, problem=gettext("Donnez à la destination un nom visible."))
    return _change(RenameTarget(target=target, label=label), "backup.target.rename", "saved", label)


@blueprint.post("/backups/targets/remove")
def remove() -> Response:
    """Back up there no longer."""
    target = field("target")
    return _change(RemoveTarget(target=target), "backup.target.remove", "removed", target)


def _change(
    request: MediaRequest,
    action: str,
    done: str,
    subject: str = "",
    **typed: dict[str, str],
) -> Response:
    return do(lambda: media().change(request), action=action, done=done, subject=subject, **typed)


def _why_no_server() -> str:
    """What is missing in the form of a server; empty if nothing is."""
    if not 0 < len(field("host").strip()) <= _LONGEST_HOST:
        return gettext("Écrivez le nom ou l’adresse du serveur.")
    if not 0 < (number("port") or _SSH_PORT) <= _LAST_PORT:
        return gettext("Un numéro de port va de 1 à 65535.")
    if not 0 < len(field("user").strip()) <= _LONGEST_USER:
        return gettext("Écrivez le nom avec lequel le boîtier se connecte au serveur.")
    if not field("path").strip():
        return gettext("Écrivez le dossier sur le serveur.")
    return ""


def _label(otherwise: str) -> str:
    return (field("label").strip() or otherwise)[:64]


def _typed() -> dict[str, str]:
    return {name: field(name) for name in ("host", "port", "user", "path", "label")}
