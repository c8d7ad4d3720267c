# SPDX-License-Identifier: Apache-2.0
"""How the last change of slots ended, seen after a start: kept, still on trial, or undone."""

from typing import NamedTuple

from msgspec.structs import replace

from atre.ipc.update_replies import GoBackReport, ReturnReport
from atre.sentence import Sentence
from atre.updates.installer import SystemFacts
from atre.updates.record import Installed, Sickness
from atre.updates.release_rule import NBSP
from atre.updates.trial import never_ended

# How long the previous version can be had back: what the office wrote since is lost to it.
GO_BACK_S = 30 * 24 * 3600.0


class Outcome(NamedTuple):
    """``returned`` says why the version was left, None for one that is kept."""

    installed: Installed
    returned: ReturnReport | None


def settle(
    installed: Installed | None,
    system: SystemFacts,
    sickness: Sickness | None,
    *,
    boot_id: str,
    now: float,
    log: str = "",
) -> Outcome | None:
    """What is known now and was not before; None while nothing is."""
    running = system.running
    if installed is None or installed.is_settled or running is None:
        return None
    if running.slot == installed.slot:
        if not running.is_good or boot_id == installed.boot_id:
            return None
        return Outcome(replace(installed, is_settled=True, kept_at=now), _asked(installed, now))
    if boot_id == installed.boot_id or not installed.is_written:
        return None  # it waits for its first start, or will never have one
    told = (
        sickness is not None and sickness.slot == installed.slot and (sickness.at >= installed.at)
    )
    reason = Sentence(sickness.text, sickness.text_fr) if sickness and told else never_ended()
    report = ReturnReport(
        version=installed.version,
        back_to=installed.previous_version,
        at=now,
        reason=reason,
        failed=sickness.failed if sickness and told else None,
        log=sickness.log if sickness and told else log,
    )
    return Outcome(replace(installed, is_settled=True), report)


def go_back(
    installed: Installed | None,
    system: SystemFacts,
    *,
    now: float,
    copied_at: float | None,
) -> GoBackReport | None:
    """Whether the other slot can be had back; None where it holds nothing.

    ``copied_at`` is when the databases were last copied before an upgrade of their form.
    """
    other, running = system.other, system.running
    if other is None or running is None or not other.version:
        return None
    came = installed if installed is not None and installed.slot == running.slot else None
    until = came.kept_at + GO_BACK_S if came is not None and came.kept_at is not None else None
    refusal = _refusal(system, until, now)
    is_after = came is not None and copied_at is not None and copied_at >= came.at
    return GoBackReport(
        version=other.version,
        until=until,
        loses_since=copied_at if is_after else None,
        refusal=refusal,
    )


def _refusal(system: SystemFacts, until: float | None, now: float) -> Sentence | None:
    other, running = system.other, system.running
    if other is None or running is None:
        return None
    if not other.is_good or not other.is_whole:
        return Sentence(
            f"Version {other.version} did not come up last time, so there is no going back to it.",
            f"La version {other.version} n’a pas démarré la dernière fois{NBSP}: on n’y revient "
            "pas.",
        )
    if not running.is_good:
        return None  # a version on trial is left at any time
    if until is None or now > until:
        return Sentence(
            "Going back is possible for a month after an update. Restore a backup instead, or "
            "install an update.",
            "On peut revenir en arrière pendant un mois après une mise à jour. Restaurez plutôt "
            "une sauvegarde, ou installez une mise à jour.",
        )
    return None


def _asked(installed: Installed, now: float) -> ReturnReport | None:
    if not installed.was_asked:
        return None
    return ReturnReport(
        version=installed.previous_version,
        back_to=installed.version,
        at=now,
        reason=Sentence("Somebody asked to go back.", "Quelqu’un a demandé le retour en arrière."),
        was_asked=True,
    )
