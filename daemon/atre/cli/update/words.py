# SPDX-License-Identifier: Apache-2.0
"""What the verbs of ``atre update`` say of updates."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from atre.config import default_runtime_dir
from atre.ipc.update_client import UpdateClient
from atre.ipc.update_replies import Offer, SlotReport, SlotState, UpdateOverview, UpdateStage
from atre.terminal.language import in_french, say

_STATES = {
    SlotState.CONFIRMED: ("good", "bon"),
    SlotState.ON_TRIAL: ("on trial", "à l’essai"),
    SlotState.READY: ("waits for its first start", "attend son premier démarrage"),
    SlotState.FAILED: ("did not come up", "n’a pas démarré"),
    SlotState.EMPTY: ("empty", "vide"),
}
STAGES = {
    UpdateStage.LOOKING: ("looking", "recherche"),
    UpdateStage.FETCHING: ("fetching", "téléchargement"),
    UpdateStage.CHECKING: ("checking", "vérification"),
    UpdateStage.BACKING_UP: ("backing up", "sauvegarde"),
    UpdateStage.WRITING: ("writing", "écriture"),
    UpdateStage.WAITING: ("waiting for the hour", "attente de l’heure"),
    UpdateStage.DRAINING: ("finishing answers", "fin des réponses en cours"),
    UpdateStage.RESTARTING: ("restarting", "redémarrage"),
}


def client_of(data_dir: Path) -> UpdateClient:
    """The way to the box there."""
    return UpdateClient(default_runtime_dir(data_dir.expanduser().absolute()) / "atred.sock")


def print_json(overview: UpdateOverview) -> None:
    """The same in both languages."""
    click.echo(msgspec.json.format(msgspec.json.encode(overview)))


def moment(at: float | None) -> str:
    """A time on the clock of this machine, — for never."""
    if at is None:
        return "—"
    local = dt.datetime.fromtimestamp(at, dt.UTC).astimezone()
    return say(f"{local:%Y-%m-%d %H:%M}", f"{local:%d/%m/%Y %H:%M}")


def lines(overview: UpdateOverview) -> Iterator[str]:
    """Everything, for a person."""
    french = in_french()
    yield f"Âtre {overview.version}"
    if overview.absence is not None:
        yield overview.absence.spoken(french=french)
        return
    yield from (_slot(each) for each in overview.slots)
    if overview.trial is not None:
        passed = len(overview.trial.passed)
        until = moment(overview.trial.deadline_at)
        yield say(
            f"On trial until {until}: {passed} of 5 checks passed.",
            f"À l’essai jusqu’au {until}\N{NO-BREAK SPACE}: {passed} vérifications sur 5.",
        )
    if overview.last_return is not None and not overview.last_return.was_asked:
        back = overview.last_return
        yield say(
            f"{moment(back.at)}: back on {back.back_to}, because {back.version} was left.",
            f"{moment(back.at)}\N{NO-BREAK SPACE}: retour à {back.back_to}, car {back.version} a "
            "été abandonnée.",
        )
        yield f"  {back.reason.spoken(french=french)}"
    if overview.offer is not None:
        yield from offered(overview.offer)
    if overview.go_back is not None:
        told = overview.go_back
        yield (
            told.refusal.spoken(french=french)
            if told.refusal
            else say(
                f"`atre update rollback` goes back to {told.version} until {moment(told.until)}.",
                f"`atre update rollback` revient à {told.version} jusqu’au {moment(told.until)}.",
            )
        )


def offered(offer: Offer) -> Iterator[str]:
    """What the last look found."""
    french = in_french()
    if offer.release is None:
        yield say("There is nothing newer.", "Il n’y a rien de plus récent.")
        return
    security = say(", for security", ", pour la sécurité") if offer.release.is_security else ""
    yield say("Offered: ", "Proposée\N{NO-BREAK SPACE}: ") + f"{offer.release.version}{security}"
    yield from (f"  - {each.spoken(french=french)}" for each in offer.release.changes)
    if offer.refusal is not None:
        yield f"  {offer.refusal.spoken(french=french)}"


def _slot(slot: SlotReport) -> str:
    runs = say("runs, ", "tourne, ") if slot.is_running else ""
    version = slot.version or "—"
    return f"  {slot.name}  {version:<12} {runs}{say(*_STATES[slot.state])}"
