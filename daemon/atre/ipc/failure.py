# SPDX-License-Identifier: Apache-2.0
"""Errors across a socket: ``failure`` packs one, ``error_from`` rebuilds the same one."""

from collections.abc import Callable

from atre.errors import (
    AtreError,
    BackupError,
    BackupProblem,
    ClosedReason,
    ConflictError,
    ContextLengthError,
    DiskFullError,
    EngineError,
    EngineUnavailableError,
    ForbiddenError,
    IntakeClosedError,
    InvalidRequestError,
    MediaError,
    ModelLoadError,
    ModelNotFoundError,
    ModelProblem,
    ModelStoreError,
    NotFoundError,
    QueueFullError,
    QuotaError,
    RequestError,
    UpdateError,
    UpdateProblem,
)
from atre.ipc.messages import Failed

_WITH_DELAY = QueueFullError | QuotaError | IntakeClosedError


def failure(error: AtreError) -> Failed:
    """Pack an error; its class name is its kind, or that of the nearest class that is known."""
    names = [each.__name__ for each in type(error).__mro__]
    return Failed(
        kind=next((name for name in names if name in _REBUILD), names[0]),
        message=str(error),
        message_fr=error.french,
        param=error.param if isinstance(error, RequestError) else None,
        num_tokens=error.num_tokens if isinstance(error, ContextLengthError) else 0,
        limit=error.limit if isinstance(error, ContextLengthError) else 0,
        retry_after_s=error.retry_after_s if isinstance(error, _WITH_DELAY) else 0,
        problem=_problem(error),
    )


def error_from(failed: Failed) -> AtreError:
    """Rebuild the error; a kind that this version does not know becomes an EngineError."""
    rebuild = _REBUILD.get(failed.kind)
    return rebuild(failed) if rebuild else EngineError(failed.message, failed.message_fr)


def _problem(error: AtreError) -> str:
    match error:
        case ModelStoreError() | BackupError() | UpdateError():
            return error.problem
        case IntakeClosedError():
            return error.reason
        case _:
            return ""


def _intake_closed_error(failed: Failed) -> AtreError:
    if failed.problem not in set(ClosedReason):
        return EngineUnavailableError(failed.message)
    return IntakeClosedError(ClosedReason(failed.problem), retry_after_s=failed.retry_after_s)


def _model_store_error(failed: Failed) -> AtreError:
    known = failed.problem in set(ModelProblem)
    problem = ModelProblem(failed.problem) if known else ModelProblem.OTHER
    return ModelStoreError(failed.message, failed.message_fr, problem=problem)


def _backup_error(failed: Failed) -> AtreError:
    known = failed.problem in set(BackupProblem)
    problem = BackupProblem(failed.problem) if known else BackupProblem.OTHER
    return BackupError(failed.message, failed.message_fr, problem=problem)


def _update_error(failed: Failed) -> AtreError:
    known = failed.problem in set(UpdateProblem)
    problem = UpdateProblem(failed.problem) if known else UpdateProblem.OTHER
    return UpdateError(failed.message, failed.message_fr, problem=problem)


def _request_error(kind: type[RequestError]) -> Callable[[Failed], AtreError]:
    return lambda failed: kind(failed.message, failed.message_fr, param=failed.param)


_REBUILD: dict[str, Callable[[Failed], AtreError]] = {
    "RequestError": _request_error(RequestError),
    "InvalidRequestError": _request_error(InvalidRequestError),
    "ModelNotFoundError": _request_error(ModelNotFoundError),
    "NotFoundError": _request_error(NotFoundError),
    "ForbiddenError": _request_error(ForbiddenError),
    "ConflictError": _request_error(ConflictError),
    "ContextLengthError": lambda failed: ContextLengthError(
        failed.num_tokens,
        failed.limit,
        param=failed.param or "messages",
        message=failed.message,
    ),
    "QueueFullError": lambda failed: QueueFullError(failed.retry_after_s),
    "QuotaError": lambda failed: QuotaError(failed.message, retry_after_s=failed.retry_after_s),
    "ModelLoadError": lambda failed: ModelLoadError(failed.message, failed.message_fr),
    "ModelStoreError": _model_store_error,
    "BackupError": _backup_error,
    "UpdateError": _update_error,
    "IntakeClosedError": _intake_closed_error,
    "MediaError": lambda failed: MediaError(failed.message, failed.message_fr),
    "DiskFullError": lambda failed: DiskFullError(failed.message, failed.message_fr),
    "EngineUnavailableError": lambda failed: EngineUnavailableError(
        failed.message, failed.message_fr
    ),
}
