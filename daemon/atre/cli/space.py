# SPDX-License-Identifier: Apache-2.0
from contextlib import closing
from pathlib import Path

import click
import msgspec
from msgspec.structs import replace

from atre.config import default_runtime_dir
from atre.errors import ConfigError, EngineUnavailableError
from atre.ipc.media_client import MediaClient
from atre.ipc.media_messages import DescribeSpace, SetSpaceLimits, SpaceReport
from atre.media.verbs import MediaVerbs
from atre.space.words import in_words
from atre.terminal.language import in_french, lang_option, say
from atre.terminal.options import data_dir_option, json_option

_GB = 10**9
# French words of the parts that people know; other names are told as they are.
_FRENCH = {
    "models": "modèles",
    "conversations": "conversations",
    "logs": "journaux",
    "staging": "sauvegarde en cours",
    "reserve": "réserve",
    "other": "autres",
}
_limit = click.FloatRange(min=0)


@click.command()
@click.option("--models", type=_limit, metavar="GB", help="Most that all models take; 0 lifts it.")
@click.option(
    "--attachments",
    type=_limit,
    metavar="GB",
    help="Most that all attached files take; 0 lifts it.",
)
@data_dir_option
@json_option
@lang_option
def space(
    *, models: float | None, attachments: float | None, data_dir: Path, as_json: bool
) -> None:
    """Say what takes the room on the box's disk, and set limits."""
    data_dir = data_dir.expanduser().absolute()
    client = MediaClient(default_runtime_dir(data_dir) / "atred.sock")
    try:
        found = _changed(client.space(), models, attachments)
        report = found if isinstance(found, SpaceReport) else client.set_limits(found)
    except EngineUnavailableError:
        report = _without_box(data_dir, models, attachments)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(report)))
        return
    for line in _lines(report):
        click.echo(line)


def _without_box(data_dir: Path, models: float | None, attachments: float | None) -> SpaceReport:
    if not (data_dir / "atre.db").is_file():
        raise ConfigError(
            f"{data_dir} holds no box yet. Start one with `atre serve --data-dir {data_dir}`.",
            f"{data_dir} ne contient pas encore de boîtier. Démarrez-en un avec `atre serve "
            f"--data-dir {data_dir}`.",
        )
    with closing(MediaVerbs(data_dir / "state", data_dir)) as verbs:
        report = verbs.answer(DescribeSpace())
        assert isinstance(report, SpaceReport)  # noqa: S101 -- what that message is answered with
        found = _changed(report, models, attachments)
        if isinstance(found, SetSpaceLimits):
            report = verbs.answer(found)
        assert isinstance(report, SpaceReport)  # noqa: S101
        return report


def _changed(
    report: SpaceReport, models: float | None, attachments: float | None
) -> SpaceReport | SetSpaceLimits:
    """What to ask for, or the report itself if nothing is to be changed."""
    if models is None and attachments is None:
        return report
    limits = report.limits
    if models is not None:
        limits = replace(limits, models=round(models * _GB) or None)
    if attachments is not None:
        limits = replace(limits, attachments=round(attachments * _GB) or None)
    return SetSpaceLimits(limits=limits)


def _lines(report: SpaceReport) -> list[str]:
    limits = {"models": report.limits.models}
    lines = [
        _line(say(name, _FRENCH.get(name, name)), used, limits.get(name))
        for name, used in report.parts.items()
    ]
    if report.limits.attachments is not None:
        most = _words(report.limits.attachments)
        lines.append(
            say(
                f"attached files: {most} at most",
                f"fichiers joints\N{NO-BREAK SPACE}: {most} au plus",
            )
        )
    free, total = _words(report.free_bytes), _words(report.total_bytes)
    lines.append(say(f"free: {free} of {total}", f"libre\N{NO-BREAK SPACE}: {free} sur {total}"))
    return lines


def _line(name: str, used: int, limit: int | None) -> str:
    text = say(f"{name}: {_words(used)}", f"{name}\N{NO-BREAK SPACE}: {_words(used)}")
    if limit is None:
        return text
    return text + say(f" of {_words(limit)} at most", f" sur {_words(limit)} au plus")


def _words(num_bytes: int) -> str:
    return in_words(num_bytes, french=in_french())
