# SPDX-License-Identifier: Apache-2.0
"""How each check of a version on trial is asked of the box that runs."""

import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from atre.config import Config
from atre.errors import AtreError, EngineUnavailableError
from atre.ipc.client import EngineClient, ManagementClient
from atre.ipc.messages import ChatMessage, DiscoveryState, Finished, Generate, Priority, Sampling
from atre.ipc.update_replies import Check
from atre.sentence import Sentence
from atre.system.durable import write_durably
from atre.updates.release_rule import NBSP
from atre.updates.trial import Probe

_PANEL_S = 10.0
# A model is loaded first, from a slow disk; a probe that hangs must not outlast the deadline.
_LONGEST_S = 180.0
# Read in the panel days later: not the words for who waits for an answer, who may ask again.
_NO_MANAGEMENT = Sentence(
    "The box's management does not answer.", "La gestion du boîtier ne répond pas."
)
_NO_ENGINE = Sentence(
    "The engine does not answer, or still loads its model.",
    "Le moteur ne répond pas, ou charge encore son modèle.",
)


def probes_of(config: Config) -> dict[Check, Probe]:
    """The checks of that box; each is answered within minutes, whatever hangs."""
    engine = EngineClient(config.engine_socket)
    management = ManagementClient(config.management_socket)
    asked: dict[Check, Probe] = {
        Check.DATA: lambda: data(config.data_dir),
        Check.SERVICES: lambda: services(engine, management),
        Check.PANEL: lambda: panel(config.port),
        Check.TOKEN: lambda: token(engine),
        Check.NAME: lambda: name(management),
    }
    return {check: bounded(probe) for check, probe in asked.items()}


def data(data_dir: Path, *, needs_mount: bool = True) -> Sentence | None:
    """The data partition is there, not the root's empty folder, and takes what is written."""
    try:
        if needs_mount and data_dir.stat().st_dev == Path("/").stat().st_dev:
            return Sentence(
                "The data partition is not mounted.", "La partition des données n’est pas montée."
            )
        write_durably(data_dir / "state" / "updates" / "written", b"")
    except OSError as error:
        return Sentence(
            f"The data partition cannot be written to ({error.strerror}).",
            f"La partition des données n’accepte pas d’écriture ({error.strerror}).",
        )
    return None


def services(engine: EngineClient, management: ManagementClient) -> Sentence | None:
    """The engine has its model, and the management daemon answers."""
    return _asked(management.describe, _NO_MANAGEMENT) or _asked(engine.describe, _NO_ENGINE)


def _asked(describe: Callable[[], object], silent: Sentence) -> Sentence | None:
    try:
        describe()
    except EngineUnavailableError:
        return silent
    except AtreError as error:
        return error.sentence
    return None


def panel(port: int) -> Sentence | None:
    """The panel answers on the box itself, and has its database."""
    for path in ("/healthz", "/"):
        try:
            address = f"http://127.0.0.1:{port}{path}"
            with urllib.request.urlopen(address, timeout=_PANEL_S):
                pass
        except (OSError, ValueError) as error:
            if isinstance(error, urllib.error.HTTPError) and error.code < 500:  # noqa: PLR2004
                continue  # it asks who we are, which a sick panel could not
            return Sentence(
                f"The panel does not answer ({error}).",
                f"Le tableau de bord ne répond pas ({error}).",
            )
    return None


def token(engine: EngineClient) -> Sentence | None:
    """One real token comes out of the model."""
    request = Generate(
        messages=[ChatMessage(role="user", content="1 + 1 =")],
        sampling=Sampling(temperature=0.0),
        max_tokens=1,
        user="atre-update",
        priority=Priority.CHAT,
    )
    try:
        with engine.generate(request) as running:
            ended = [event for event in running if isinstance(event, Finished)]
    except AtreError as error:
        return error.sentence
    if ended and ended[-1].completion_tokens > 0:
        return None
    return Sentence("The model answers nothing.", "Le modèle ne répond rien.")


def name(management: ManagementClient) -> Sentence | None:
    """The box is announced under its name; a box that keeps silent or has no network need not."""
    try:
        box = management.describe()
    except AtreError as error:
        return error.sentence
    if not box.is_discovery_wanted or not box.addresses:
        return None
    if box.discovery is DiscoveryState.ANNOUNCED:
        return None
    return Sentence(
        f"The network does not know the box's name yet. {box.detail}".strip(),
        f"Le réseau ne connaît pas encore le nom du boîtier. {box.detail_fr}".strip(),
    )


def bounded(probe: Probe, longest_s: float = _LONGEST_S) -> Probe:
    """The probe, or that it does not answer, after that long; a surprise in it is an answer."""

    def asked() -> Sentence | None:
        found: list[Sentence | None] = []

        def ask() -> None:
            try:
                found.append(probe())
            except Exception as error:  # noqa: BLE001 -- whatever is broken counts as sick
                found.append(Sentence(f"It failed: {error!r}.", f"Échec{NBSP}: {error!r}."))

        thread = threading.Thread(target=ask, name="probe", daemon=True)
        thread.start()
        thread.join(longest_s)
        if found:
            return found[0]
        return Sentence("It does not answer.", "Pas de réponse.")

    return asked
