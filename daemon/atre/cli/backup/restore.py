# SPDX-License-Identifier: Apache-2.0
from pathlib import Path
from typing import TextIO

import click

from atre.cli.backup.door import (
    Door,
    data_dir_option,
    follow,
    json_option,
    lang_option,
    opened,
    print_json,
    the_target,
)
from atre.cli.backup.words import key_file_option, moment, target_option, unit_option
from atre.cli.model.shared import size
from atre.errors import BackupError, BackupProblem
from atre.ipc.backup_messages import (
    ApplyRestore,
    ListSnapshots,
    PreviewRestore,
    StageRestore,
)
from atre.ipc.backup_replies import RestorePreview, SnapshotListing, WantedModel
from atre.ipc.media_messages import AddFolderTarget, DescribeTargets
from atre.sentence import counted
from atre.terminal.language import say


@click.command()
@target_option
@click.option(
    "--from",
    "location",
    metavar="FOLDER",
    help="A folder that is no target yet; add a disk or a server first.",
)
@click.option("--snapshot", metavar="ID", help="Which backup.  [default: the newest]")
@unit_option
@key_file_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@data_dir_option
@json_option
@lang_option
def restore(
    *,
    target: str | None,
    location: str | None,
    snapshot: str | None,
    unit: str,
    key_file: TextIO | None,
    yes: bool,
    data_dir: Path,
    as_json: bool,
) -> None:
    """Bring a backup back, on this box or a new one. What is there is kept until you confirm."""
    key = key_file.read().strip() if key_file else ""
    with opened(data_dir, makes=True) as door:
        if location is not None:
            target = _named(door, location)
        asked = the_target(door, target)
        listing, key = _listing(door, asked, unit, key, is_asking=key_file is None and not yes)
        wanted = _wanted(listing, snapshot)
        preview = door.answer(
            PreviewRestore(target=asked, snapshot=wanted, unit=listing.unit, key=key)
        )
        if not isinstance(preview, RestorePreview):
            raise TypeError(preview)
        if preview.refusal:
            raise BackupError(preview.refusal, preview.refusal_fr, problem=BackupProblem.NEWER)
        if not as_json:
            click.echo(_preview_text(preview), err=True)
        if not yes:
            click.confirm(say("Restore this?", "Restaurer cela ?"), abort=True, err=True)
        follow(door, StageRestore(target=asked, snapshot=wanted, unit=listing.unit, key=key))
        reply = door.answer(ApplyRestore())
        is_running = door.is_running
    if as_json:
        print_json(reply)
        return
    when = (
        say("The box starts anew with it now.", "Le boîtier redémarre avec elle maintenant.")
        if is_running
        else say(
            "It is in place with the next `atre serve`.",
            "Elle sera en place au prochain `atre serve`.",
        )
    )
    after = say(
        "Then: `atre backup confirm`, or `atre backup undo` to go back.",
        "Ensuite\u00a0: `atre backup confirm`, ou `atre backup undo` pour revenir en arrière.",
    )
    click.echo(f"{when} {after}")


def _named(door: Door, location: str) -> str:
    """The target that is that folder, added if it is none yet."""
    path = str(Path(location).expanduser().absolute())
    known = door.targets(DescribeTargets()).targets
    if not any(each.place == path for each in known):
        known = door.targets(AddFolderTarget(path=path, label=path[-64:])).targets
    return next(each.id for each in known if each.place == path)


def _listing(
    door: Door, target: str, unit: str, key: str, *, is_asking: bool
) -> tuple[SnapshotListing, str]:
    """The backups, and the key that opened them; a wrong one may be typed again."""
    while True:
        try:
            reply = door.answer(ListSnapshots(target=target, unit=unit, key=key))
        except BackupError as error:
            if not is_asking or error.problem not in (
                BackupProblem.WRONG_KEY,
                BackupProblem.SHEET_WRONG,
            ):
                raise
            click.echo(say(str(error), error.french), err=True)
            key = click.prompt(
                say("Key of the recovery sheet", "Clé de la feuille de récupération"), err=True
            )
            continue
        if not isinstance(reply, SnapshotListing):
            raise TypeError(reply)
        return reply, key


def _wanted(listing: SnapshotListing, snapshot: str | None) -> str:
    for each in listing.snapshots:
        if snapshot in (None, "latest") or (snapshot and each.id.startswith(snapshot)):
            return each.id
    raise BackupError(
        "There is no such backup at that place.",
        "Il n’y a pas de telle sauvegarde à cet endroit.",
        problem=BackupProblem.EMPTY,
    )


def _preview_text(preview: RestorePreview) -> str:
    when, room = moment(preview.at), size(preview.size_bytes)
    held = say(
        ", ".join(
            (
                counted(preview.num_people, "person", "people"),
                counted(preview.num_conversations, "conversation", "conversations"),
                counted(preview.num_messages, "message", "messages"),
            )
        ),
        ", ".join(
            (
                counted(preview.num_people, "personne", "personnes", french=True),
                counted(preview.num_conversations, "conversation", "conversations", french=True),
                counted(preview.num_messages, "message", "messages", french=True),
            )
        ),
    )
    what = say(
        f"Backup of {when}, box {preview.unit}, Âtre {preview.version}: {held}, {room}.",
        f"Sauvegarde du {when}, boîtier {preview.unit}, Âtre {preview.version}\u00a0: {held}, "
        f"{room}.",
    )
    return "\n".join([what, *map(_model_text, preview.models)])


def _model_text(model: WantedModel) -> str:
    room, digest = size(model.size_bytes), model.sha256[:12]
    if model.is_fetchable:
        return say(
            f"  {model.name} ({room}) is fetched afterwards.",
            f"  {model.name} ({room}) sera récupéré ensuite.",
        )
    return say(
        f"  {model.name} ({room}) was imported: import it again (sha256 {digest}…).",
        f"  {model.name} ({room}) venait d’un import\u00a0: importez-le à nouveau (sha256 "
        f"{digest}…).",
    )
