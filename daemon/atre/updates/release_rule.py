# SPDX-License-Identifier: Apache-2.0
"""Which version may follow which, as pure functions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from atre.errors import UpdateError, UpdateProblem
from atre.sentence import Sentence
from atre.updates.installer import BundleFacts, SystemFacts
from atre.updates.version import version_key

NBSP = "\N{NO-BREAK SPACE}"


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A version that somebody offers; ``minimum_version`` is the oldest that it follows."""

    version: str
    channel: str
    compatible: str
    minimum_version: str = "0.0.0"
    made_at: float | None = None
    changes: tuple[Sentence, ...] = ()
    is_security: bool = False


@dataclass(frozen=True, slots=True)
class Here:
    """This box: ``system`` is what its slots hold, ``version`` what runs."""

    version: str
    channel: str
    compatible: str
    system: SystemFacts


def candidate_of(facts: BundleFacts) -> Candidate:
    """What a bundle offers, from the manifest that its signature covers."""
    meta = facts.meta
    return Candidate(
        version=facts.version,
        channel=meta.get("channel", ""),
        compatible=facts.compatible,
        minimum_version=meta.get("minimum-version", "0.0.0"),
        made_at=_number(meta.get("made-at")),
        changes=_changes(meta),
        is_security=meta.get("security") == "yes",
    )


def check(offered: Candidate, here: Here) -> None:
    """Raises UpdateError if that version may not be installed here, with what to do."""
    if offered.compatible != here.compatible:
        raise UpdateError(
            f"This update is for another kind of box ({offered.compatible or 'unknown'}). Ask your "
            "reseller for the one of this box.",
            f"Cette mise à jour est pour un autre type de boîtier ({offered.compatible or '?'}). "
            "Demandez celle de ce boîtier à votre revendeur.",
            problem=UpdateProblem.COMPATIBLE,
        )
    if offered.channel != here.channel:
        raise UpdateError(
            f"This update is of the channel “{offered.channel}”, but this box follows “"
            f"{here.channel}”. Ask for the update of its own channel.",
            f"Cette mise à jour vient du canal «{NBSP}{offered.channel}{NBSP}», mais ce boîtier "
            f"suit «{NBSP}{here.channel}{NBSP}». Demandez celle de son canal.",
            problem=UpdateProblem.CHANNEL,
        )
    _check_order(offered, here)
    _check_trial(here.system)


def next_release(offered: Sequence[Candidate], here: Here) -> Candidate | None:
    """The release to take next: the last of this major first, then the newest that follows it.

    Databases are brought from one major to the next from its last version only.
    """
    own = version_key(here.version)
    newer = [
        each
        for each in offered
        if each.channel == here.channel
        and each.compatible == here.compatible
        and version_key(each.version) > own
    ]
    same = [each for each in newer if version_key(each.version)[0] == own[0]]
    majors = {version_key(each.version)[0] for each in newer}
    following = [each for each in newer if version_key(each.version)[0] == min(majors)]
    return max(same or following, key=lambda each: version_key(each.version), default=None)


def _check_order(offered: Candidate, here: Here) -> None:
    try:
        new, own = version_key(offered.version), version_key(here.version)
        oldest = version_key(offered.minimum_version)
    except ValueError as error:
        raise UpdateError(
            f"The update does not say its version ({error}). Get it again from your reseller.",
            "La mise à jour ne dit pas sa version. Redemandez-la à votre revendeur.",
            problem=UpdateProblem.DAMAGED,
        ) from error
    if new <= own:
        raise UpdateError(
            f"Version {offered.version} is not newer than {here.version}, which runs. To have the "
            "previous version back, use “go back”.",
            f"La version {offered.version} n’est pas plus récente que {here.version}, qui tourne. "
            f"Pour retrouver la version précédente, utilisez «{NBSP}revenir en arrière{NBSP}».",
            problem=UpdateProblem.OLDER,
        )
    if own < oldest:
        raise UpdateError(
            f"Version {offered.version} follows {offered.minimum_version} or later, and this box "
            f"runs {here.version}. Install {offered.minimum_version} first.",
            f"La version {offered.version} fait suite à {offered.minimum_version} ou plus récent, "
            f"et ce boîtier a {here.version}. Installez d’abord {offered.minimum_version}.",
            problem=UpdateProblem.STEP,
        )


def _check_trial(system: SystemFacts) -> None:
    running = system.running
    if running is None or not running.is_good:
        raise UpdateError(
            "The running version is still on trial: wait until the box keeps it, or go back.",
            f"La version qui tourne est encore à l’essai{NBSP}: attendez que le boîtier la garde, "
            "ou revenez en arrière.",
            problem=UpdateProblem.UNCONFIRMED,
        )


def _changes(meta: Mapping[str, str]) -> tuple[Sentence, ...]:
    """One point a ``|``; a point without its French is not shown half."""
    english, french = (meta.get(f"changes-{each}", "").split("|") for each in ("en", "fr"))
    if len(english) != len(french):
        return ()
    pairs = zip(english, french, strict=True)
    return tuple(Sentence(en.strip(), fr.strip()) for en, fr in pairs if en.strip())


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None
