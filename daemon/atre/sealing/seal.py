# SPDX-License-Identifier: Apache-2.0
"""Sealing a unit: looked at first, and nothing changed where anything stands in the way."""

import datetime as dt
import hashlib
from pathlib import Path

import msgspec

from atre import __version__
from atre.burn_in.report import Report, read_signed
from atre.burn_in.unit import unit, unit_key
from atre.choices.unit_file import CERTIFICATE, FOLDER, REPORT, UnitFile, adopt, adopted
from atre.errors import BurnInError
from atre.models.manifest import FACTORY
from atre.models.verify import verify
from atre.plan.planning import model_store
from atre.provision.bench import has_owner
from atre.provision.record import ordered_model
from atre.sealing.certificate import Certificate, write_certificate
from atre.sealing.rules import UnitState, Wishes, refusals
from atre.sealing.traces import remove, traces
from atre.sentence import NOTHING, Sentence
from atre.system.ownership import give_to_owner

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


def seal(data_dir: Path, given: UnitFile | None, wishes: Wishes, *, is_alone: bool) -> Sealed:
    """Check the unit and remove every trace of the bench; certified in ``factory/`` at the end.

    ``given`` is the reseller's file, None for what the unit was given before; ``is_alone`` says
    that the caller holds the box's lock. Raises BurnInError, ModelStoreError, OSError.
    """
    given = given or adopted(data_dir)
    store = model_store(data_dir)
    report, problem = _report(data_dir)
    me = unit(data_dir, given.serial if given else "")
    ordered, chosen = ordered_model(data_dir / "state"), store.chosen() or FACTORY
    found = UnitState(
        is_running=not is_alone,
        is_claimed=has_owner(data_dir),
        given=given,
        key=me.key,
        report=report,
        report_problem=problem,
        damage=tuple(each for model in store.manifests() for each in verify(store, model)),
        missing_model=ordered if ordered and ordered != chosen else "",
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
    removed = [
        str(path.relative_to(data_dir)) for path in remove(traces(data_dir, store.partial_dir))
    ]
    _certify(data_dir, done)
    give_to_owner(data_dir / FOLDER, data_dir)
    return msgspec.structs.replace(done, removed=tuple(removed))


def _certify(data_dir: Path, done: Sealed) -> None:
    report = data_dir / FOLDER / REPORT
    certificate = Certificate(
        serial=done.serial,
        name=done.name,
        key=done.key,
        models=done.models,
        version=__version__,
        sealed_at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        report_sha256=hashlib.sha256(report.read_bytes()).hexdigest() if report.exists() else "",
    )
    write_certificate(certificate, unit_key(data_dir), data_dir / FOLDER / CERTIFICATE)


def _report(data_dir: Path) -> tuple[Report | None, Sentence]:
    path = data_dir / FOLDER / REPORT
    if not path.exists():
        return None, _NOT_TESTED
    try:
        return read_signed(path), NOTHING
    except BurnInError as error:
        return None, error.sentence
