# SPDX-License-Identifier: Apache-2.0
"""The panel's way to another model: asks the running box, and tells how far it is."""

import threading
from collections.abc import Callable

from atre.config import Config
from atre.errors import EngineUnavailableError, ModelProblem, ModelStoreError
from atre.ipc.model_messages import ModelChangeReport, Phase
from atre.models.change import ChangeStatus
from atre.models.change_request import ask_for_model, last_status
from atre.models.manifest import FACTORY
from atre.models.store import Store

# The box takes a request up at once; after so long it has not, and will not.
_TAKEN_UP_S = 30.0
_ENDED = (Phase.DONE, Phase.FAILED)


class ModelSwitch:
    """One change at a time; requests of ``atre model use`` count too."""

    def __init__(self, config: Config, store: Store, clock: Callable[[], float]) -> None:
        self._config = config
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._asked: tuple[str, str, float] | None = None  # request id, model, when

    def ask(self, model: str) -> ModelChangeReport:
        """Have the box change to ``model``.

        Raises ModelStoreError for a model that cannot answer, while another change runs, or for a
        box that was started with --model; EngineUnavailableError where no box runs.
        """
        if self._config.model is not None:
            raise ModelStoreError(
                "The box was started with --model, which has the last word. Start it without.",
                "Le boîtier a été démarré avec --model, qui décide. Démarrez-le sans cette option.",
                problem=ModelProblem.FIXED,
            )
        if model != FACTORY:
            self._store.check_can_answer(model)
        with self._lock:
            if self._runs():
                raise ModelStoreError(
                    "The box is changing its model just now. Wait until that has ended.",
                    "Le boîtier est en train de changer de modèle. Attendez la fin.",
                    problem=ModelProblem.CHANGING,
                )
            request_id = ask_for_model(self._config.runtime_dir, model)
            if request_id is None:
                raise EngineUnavailableError(
                    "The box is stopping or starting. Try again in a minute.",
                    "Le boîtier s’arrête ou démarre. Réessayez dans une minute.",
                )
            self._asked = (request_id, model, self._clock())
            return _taken(model)

    @property
    def is_running(self) -> bool:
        """Whether a change was asked for and has not ended."""
        with self._lock:
            return self._runs()

    def report(self) -> ModelChangeReport | None:
        """The change that runs, or the last one since the box started."""
        with self._lock:
            waiting = self._waiting()
        if waiting is not None:
            return _taken(waiting)
        status = last_status(self._config.runtime_dir)
        return _reported(status) if status else None

    def _runs(self) -> bool:
        # In this order: a request that is no longer waited for has its status written by then.
        if self._waiting() is not None:
            return True
        status = last_status(self._config.runtime_dir)
        return status is not None and status.phase not in _ENDED

    def _waiting(self) -> str | None:
        """The model that was asked for and that the box has not taken up yet."""
        if self._asked is None:
            return None
        request_id, model, asked_s = self._asked
        status = last_status(self._config.runtime_dir)
        is_taken = status is not None and status.request_id == request_id
        if is_taken or self._clock() - asked_s > _TAKEN_UP_S:
            self._asked = None
            return None
        return model


def _taken(model: str) -> ModelChangeReport:
    return ModelChangeReport(wanted=model, phase=Phase.DRAINING)


def _reported(status: ChangeStatus) -> ModelChangeReport:
    return ModelChangeReport(
        wanted=status.wanted,
        phase=status.phase,
        num_open=status.num_open,
        failed_at=status.failed_at,
        reason=status.reason.text,
        reason_fr=status.reason.text_fr,
        answering=status.loaded,
    )
