# SPDX-License-Identifier: Apache-2.0
import contextlib
import fcntl
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from atre.burn_in.report import Report, read_signed
from atre.burn_in.unit import unit
from atre.choices.owner_mark import waits_for_owner
from atre.choices.unit_file import FOLDER, adopt, adopted, read_unit_file
from atre.cli.burn_in import REPORT
from atre.errors import BurnInError, ConfigError
from atre.models.verify import verify
from atre.plan.planning import model_store
from atre.sealing.rules import UnitState, Wishes, refusals
from atre.sealing.traces import remove, traces
from atre.sentence import NOTHING, Sentence
from atre.system.ownership import give_to_owner
from atre.terminal.language import in_french, lang_option, say
from atre.terminal.options import data_dir_option, json_option

_NBSP = "\N{NO-BREAK SPACE}"
_NOT_TESTED = Sentence(
    "The unit was not tested. Run `atre doctor --burn-in`, or seal it with --no-burn-in.",
    "Le boîtier n’a pas été essayé. Lancez `atre doctor --burn-in`, ou scellez-le avec "
    "--no-burn-in.",
)


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """What ``atre seal --json`` prints. Nothing was changed where there are ``refusals``."""

    is_sealed: bool
    serial: str
    name: str
    key: str
    models: tuple[str, ...]
    refusals: tuple[Sentence, ...]
    removed: tuple[str, ...] = ()


@click.command()
@click.option(
    "--unit",
    "unit_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The unit's file from the reseller's kit: serial number, name, hash of its claim code.",
)
@click.option("--no-label", is_flag=True, help="Seal a unit without a claim code on its label.")
@click.option("--no-burn-in", is_flag=True, help="Seal a unit that was not put to the test.")
@data_dir_option
@json_option
@lang_option
def seal(
    unit_file: Path | None, data_dir: Path, *, no_label: bool, no_burn_in: bool, as_json: bool
) -> None:
    """Make a unit ready to be packed. Every trace of the bench goes."""
    data_dir = data_dir.expanduser().absolute()
    if not data_dir.is_dir():
        raise ConfigError(
            f"{data_dir} is no box's data. Name the right folder with --data-dir.",
            f"{data_dir} ne contient pas de boîtier. Nommez le bon dossier avec --data-dir.",
        )
    wishes = Wishes(without_label=no_label, without_burn_in=no_burn_in)
    with _alone(data_dir) as is_alone:
        done = _seal(data_dir, unit_file, wishes, is_alone=is_alone)
    click.echo(msgspec.json.format(msgspec.json.encode(done)) if as_json else _told(done))
    if not done.is_sealed:
        sys.exit(1)


def _seal(data_dir: Path, unit_file: Path | None, wishes: Wishes, *, is_alone: bool) -> Sealed:
    given = read_unit_file(unit_file) if unit_file else adopted(data_dir)
    store = model_store(data_dir)
    report, problem = _report(data_dir)
    me = unit(data_dir, given.serial if given else "")
    found = UnitState(
        is_running=not is_alone,
        is_claimed=(data_dir / "atre.db").exists() and not waits_for_owner(data_dir / "state"),
        given=given,
        key=me.key,
        report=report,
        report_problem=problem,
        damage=tuple(each for model in store.manifests() for each in verify(store, model)),
    )
    why_not = refusals(found, wishes)
    done = Sealed(
        is_sealed=not why_not,
        serial=me.serial,
        name=given.name if given else "",
        key=me.key,
        models=tuple(store.names()),
        refusals=why_not,
    )
    if why_not:
        return done
    if given:
        adopt(data_dir, given)
    give_to_owner(data_dir / FOLDER, data_dir)
    removed = [
        str(path.relative_to(data_dir)) for path in remove(traces(data_dir, store.partial_dir))
    ]
    return msgspec.structs.replace(done, removed=tuple(removed))


def _report(data_dir: Path) -> tuple[Report | None, Sentence]:
    path = data_dir / FOLDER / REPORT
    if not path.exists():
        return None, _NOT_TESTED
    try:
        return read_signed(path), NOTHING
    except BurnInError as error:
        return None, error.sentence


@contextlib.contextmanager
def _alone(data_dir: Path) -> Iterator[bool]:
    """Hold the lock that a box holds while it runs (``atre.box.box``), if it is to be had."""
    with (data_dir / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True


def _told(done: Sealed) -> str:
    colon = say(":", f"{_NBSP}:")
    if not done.is_sealed:
        lines = [say("NOT sealed:", f"PAS scellé{_NBSP}:")]
        return "\n".join(
            lines + [f"  ✗ {each.spoken(french=in_french())}" for each in done.refusals]
        )
    models = ", ".join(done.models) or say("the factory model alone", "le modèle d’usine seul")
    rows = [
        (say("Unit", "Boîtier"), done.serial or "—"),
        (say("Name", "Nom"), f"{done.name}.local" if done.name else "—"),
        (say("Its key", "Sa clé"), done.key),
        (say("Models, verified", "Modèles, vérifiés"), models),
        (say("Removed", "Supprimés"), ", ".join(done.removed) or "—"),
    ]
    lines = [say("Sealed. Do not start it again.", "Scellé. Ne le redémarrez pas.")]
    return "\n".join(lines + [f"{name}{colon} {value}" for name, value in rows])
