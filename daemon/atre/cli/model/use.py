# SPDX-License-Identifier: Apache-2.0
import time
from pathlib import Path

import click
from rich.console import Console

from atre.cli.model.shared import open_store
from atre.config import default_runtime_dir
from atre.errors import ModelStoreError
from atre.ipc.model_messages import Phase
from atre.models.change import ChangeStatus
from atre.models.change_request import ask_for_model, box_listens, read_status
from atre.models.manifest import FACTORY
from atre.models.selection import Selection, read_applied
from atre.sentence import counted
from atre.terminal.language import lang_option, say
from atre.terminal.options import data_dir_option

_POLL_S = 0.2
_TAKEN_UP_S = 30.0  # a box that changes to another model just now takes this one up afterwards


@click.command()
@click.argument("name")
@click.option(
    "--adapter",
    "adapters",
    metavar="NAME[:SCALE]",
    multiple=True,
    help="A LoRA adapter that was imported for the model; several may act together.",
)
@data_dir_option
@lang_option
def use(name: str, adapters: tuple[str, ...], data_dir: Path) -> None:
    """Answer with the stored model NAME, or with `factory`.

    An adapter acts on every answer, for everybody, times SCALE (1 unless given). A running box
    finishes its answers, loads the model, has it write a token, and goes back to the one before if
    that fails. Otherwise NAME counts from the next start on.
    """
    data_dir = data_dir.expanduser().absolute()
    store = open_store(data_dir)
    name = str(Selection(name, tuple(read_applied(each) for each in adapters)))
    if name != FACTORY:
        store.check_can_answer(name)
    runtime_dir = default_runtime_dir(data_dir)
    request_id = ask_for_model(runtime_dir, name)
    if request_id is None:
        store.choose(name)
        click.echo(
            say(
                f"No box runs now; it will answer with {name} from its next start on.",
                f"Aucun boîtier ne tourne ; il répondra avec {name} dès son prochain démarrage.",
            )
        )
        return
    status = _wait(runtime_dir, request_id)
    if status.phase is Phase.FAILED:
        reason = status.reason
        raise ModelStoreError(
            say(
                f"{name} is not used, and the model before answers: {reason.text}",
                f"{name} n’est pas utilisé, et le modèle précédent répond : {reason.text_fr}",
            )
        )
    click.echo(
        say(f"The box answers with {name} now.", f"Le boîtier répond maintenant avec {name}.")
    )


def _wait(runtime_dir: Path, request_id: str) -> ChangeStatus:
    taken_up_by_s = time.monotonic() + _TAKEN_UP_S
    with Console(stderr=True).status("") as shown:
        while True:
            listens = box_listens(runtime_dir)  # before its last word is read
            status = read_status(runtime_dir, request_id)
            if status is None and time.monotonic() > taken_up_by_s:
                raise ModelStoreError(
                    "The box did not take up the request; it may be changing to another model. "
                    "Try again when that has ended.",
                    "Le boîtier n’a pas pris la demande ; il change peut-être déjà de modèle. "
                    "Réessayez quand ce sera fini.",
                )
            if status is not None:
                if status.phase in (Phase.DONE, Phase.FAILED):
                    return status
                if not listens:
                    raise ModelStoreError(
                        f"The box stopped before it answered with {status.wanted}; the model "
                        "before counts from its next start on. Start it, and try again.",
                        f"Le boîtier s’est arrêté avant de répondre avec {status.wanted} ; le "
                        "modèle précédent compte dès son prochain démarrage. Démarrez-le, et "
                        "réessayez.",
                    )
                shown.update(_words(status))
            time.sleep(_POLL_S)


def _words(status: ChangeStatus) -> str:
    name = status.wanted
    words = {
        Phase.DRAINING: say(
            counted(status.num_open, "answer is being finished", "answers are being finished"),
            counted(status.num_open, "réponse se termine", "réponses se terminent", french=True),
        ),
        Phase.LOADING: say(f"{name} is loading", f"{name} se charge"),
        Phase.TRYING: say(f"{name} writes its first token", f"{name} écrit son premier jeton"),
        Phase.RETURNING: say("going back to the model before", "retour au modèle précédent"),
    }
    return words.get(status.phase, "")
