# SPDX-License-Identifier: Apache-2.0
"""Every error that Âtre raises on purpose.

AtreError
├─ ConfigError                  a setting or a file of settings is wrong
├─ RequestError                 the caller can mend the request
│  ├─ InvalidRequestError       a field is missing, of the wrong type or out of range
│  ├─ ModelNotFoundError        no such model on this box
│  ├─ NotFoundError             no such thing, or not the caller's
│  ├─ ContextLengthError        prompt and answer do not fit in the window
│  ├─ QueueFullError            too many requests are waiting
│  ├─ QuotaError                this person has had all that the office allows for now
│  ├─ ForbiddenError            this person or key may not do that
│  └─ ConflictError             somebody else changed the same thing
├─ EngineError                  the box failed; the caller did nothing wrong
│  ├─ ModelLoadError            the model file cannot be used
│  ├─ DecodeError               llama.cpp refused a batch
│  └─ EngineUnavailableError    the engine is not running, is loading, or was lost
│     └─ IntakeClosedError      the box saves itself and takes nothing new
├─ StorageError                 the box's database cannot be read or written
│  └─ DiskFullError             the box's own disk takes nothing new
├─ ModelStoreError              a model cannot be stored, found, fetched or removed
├─ BackupError                  a backup cannot be made, read, proven or brought back
├─ UpdateError                  another version of the box cannot be had, kept or left
├─ BurnInError                  a unit cannot be tested, sealed, or its report believed
├─ DiscoveryError               the box could not be announced or found
├─ MediaError                   a backup target cannot be used as was asked
└─ BenchmarkError               a server could not be measured
   └─ ServerRefusedError        it answered with an error status

A message says what happened and what to do about it.
"""

from enum import StrEnum

from atre.sentence import Sentence


class AtreError(Exception):
    """Base of every error that Âtre raises on purpose.

    ``french`` is the same message for people who read French, the English one if it has none.
    """

    def __init__(self, message: str = "", french: str = "") -> None:
        super().__init__(message)
        self.french = french or message

    @property
    def sentence(self) -> Sentence:
        """What it says, in both languages."""
        return Sentence(str(self), self.french)


class ConfigError(AtreError):
    """A setting or a file of settings is wrong."""


class RequestError(AtreError):
    """The caller can mend the request; ``param`` names the field at fault."""

    def __init__(self, message: str, french: str = "", *, param: str | None = None) -> None:
        super().__init__(message, french)
        self.message = message
        self.param = param


class InvalidRequestError(RequestError):
    """A field is missing, of the wrong type or out of range."""


class ModelNotFoundError(RequestError):
    """No such model on this box."""


class NotFoundError(RequestError):
    """No such thing on this box, or it is somebody else's, which is not told apart."""


class ContextLengthError(RequestError):
    """Prompt and answer do not fit in the window; nothing is ever cut silently."""

    def __init__(
        self, num_tokens: int, limit: int, *, param: str = "messages", message: str | None = None
    ) -> None:
        super().__init__(
            message
            or f"This model's context window is {limit} tokens, but the request needs {num_tokens} "
            "(prompt, plus max_tokens where given). Shorten the prompt or lower max_tokens.",
            param=param,
        )
        self.num_tokens = num_tokens
        self.limit = limit


class QueueFullError(RequestError):
    """Too many requests are waiting; try again after ``retry_after_s`` seconds."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(
            f"The box is busy and its queue is full. Try again in {retry_after_s} seconds."
        )
        self.retry_after_s = retry_after_s


class QuotaError(RequestError):
    """This person has had all that the office allows for now."""

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ForbiddenError(RequestError):
    """This person or key may not do that."""


class ConflictError(RequestError):
    """Somebody else changed the same thing meanwhile."""


class EngineError(AtreError):
    """The box failed; the caller did nothing wrong."""


class ModelLoadError(EngineError):
    """The model file cannot be used."""


class DecodeError(EngineError):
    """llama.cpp refused a batch; ``code`` is what ``llama_decode`` returned."""

    def __init__(self, message: str, french: str = "", *, code: int) -> None:
        super().__init__(message, french)
        self.code = code


class EngineUnavailableError(EngineError):
    """The engine is not running, is still loading, or was lost during the answer."""


class ClosedReason(StrEnum):
    """Why the box takes no new requests, for programs and for the panel's words; never renamed."""

    BATTERY_LOW = "battery_low"
    ON_BATTERY = "on_battery"
    UPDATING = "updating"


_CLOSED = {
    ClosedReason.ON_BATTERY: Sentence(
        "The mains failed and the box runs on the battery of its UPS: it ends the answers it began "
        "and takes nothing new. Ask again when the power is back.",
        "Le courant est coupé et le boîtier tient sur l’onduleur\N{NO-BREAK SPACE}: il finit les "
        "réponses en cours et n’en commence pas d’autre. Réessayez quand le courant sera revenu.",
    ),
    ClosedReason.BATTERY_LOW: Sentence(
        "The mains failed and the battery of the UPS is nearly empty: the box is stopping. Ask "
        "again when the power is back.",
        "Le courant est coupé et l’onduleur est presque vide\N{NO-BREAK SPACE}: le boîtier "
        "s’arrête. Réessayez quand le courant sera revenu.",
    ),
    ClosedReason.UPDATING: Sentence(
        "The box is about to restart with another version: it ends the answers it began and takes "
        "nothing new. Ask again in a few minutes.",
        "Le boîtier va redémarrer avec une autre version\N{NO-BREAK SPACE}: il finit les réponses "
        "en cours et n’en commence pas d’autre. Réessayez dans quelques minutes.",
    ),
}


class IntakeClosedError(EngineUnavailableError):
    """The box takes nothing new for now; try again after ``retry_after_s`` seconds."""

    reason = ClosedReason.ON_BATTERY

    def __init__(self, reason: ClosedReason, *, retry_after_s: int) -> None:
        super().__init__(_CLOSED[reason].text, _CLOSED[reason].text_fr)
        self.reason = reason
        self.retry_after_s = retry_after_s


class StorageError(AtreError):
    """The box's database cannot be read or written."""


class ModelProblem(StrEnum):
    """What a ModelStoreError is about, for programs and for the panel's own words; never renamed.

    ``OTHER`` is what only a person who reads the message can act on.
    """

    ADAPTER_ONLY = "model_is_adapter"
    BAD_NAME = "model_name"
    BUSY = "model_job_running"
    CHANGING = "model_changing"
    DAMAGED = "model_damaged"
    DISK_FAILED = "disk_failed"
    DISK_FULL = "disk_full"
    FIXED = "model_fixed"
    GATED = "hub_gated"
    HUB_REFUSED = "hub_refused"
    INTERRUPTED = "download_interrupted"
    IN_USE = "model_in_use"
    JOB_LOST = "model_job_lost"
    NEEDED = "model_needed"
    NOT_ON_HUB = "hub_no_file"
    NO_JOB = "no_model_job"
    OFFLINE = "hub_unreachable"
    OTHER = "model_error"
    OUTSIDE = "path_not_allowed"
    OVER_LIMIT = "models_over_limit"
    PATH_UNKNOWN = "path_unknown"
    TAKEN = "model_taken"
    UNKNOWN = "model_unknown"
    UNUSABLE = "model_unusable"
    WRONG_DIGEST = "wrong_digest"


class ModelStoreError(AtreError):
    """A model cannot be stored, found, fetched or removed; ``problem`` says which of these."""

    problem = ModelProblem.OTHER

    def __init__(
        self, message: str, french: str = "", *, problem: ModelProblem = ModelProblem.OTHER
    ) -> None:
        super().__init__(message, french)
        self.problem = problem


class BackupProblem(StrEnum):
    """What a BackupError is about, for programs and for the panel's own words; never renamed."""

    BUSY = "backup_running"
    CANCELLED = "backup_cancelled"
    DAMAGED = "backup_damaged"
    EMPTY = "backup_none"
    FULL = "target_full"
    JOB_LOST = "backup_job_lost"
    KEY_UNKNOWN = "key_unknown"
    LOCKED = "repository_locked"
    NEWER = "backup_newer"
    NO_JOB = "no_backup_job"
    NO_PROGRAM = "restic_missing"
    NO_ROOM = "disk_full"
    OTHER = "backup_error"
    OTHER_UNIT = "other_unit"
    SHEET_WRONG = "sheet_wrong"
    STATE = "restore_state"
    TARGET_AWAY = "target_away"
    TARGET_UNKNOWN = "target_unknown"
    UNPROVEN = "drill_failed"
    WRONG_KEY = "wrong_key"


class BackupError(AtreError):
    """A backup cannot be made, read, proven or brought back; ``french`` says it in French."""

    def __init__(
        self, message: str, french: str, *, problem: BackupProblem = BackupProblem.OTHER
    ) -> None:
        super().__init__(message, french)
        self.problem = problem


class UpdateProblem(StrEnum):
    """What an UpdateError is about, for programs and for the panel's own words; never renamed."""

    ABSENT = "updates_absent"
    BUSY = "update_running"
    CHANNEL = "other_channel"
    COMPATIBLE = "other_product"
    DAMAGED = "bundle_damaged"
    EXPIRED = "go_back_expired"
    NO_BACKUP = "no_backup_before"
    NO_BUNDLE = "no_bundle"
    NO_JOB = "no_update_job"
    NO_PREVIOUS = "no_previous_version"
    NO_ROOM = "disk_full"
    NOT_ALLOWED = "channel_off"
    OFFLINE = "channel_unreachable"
    OLDER = "bundle_older"
    OTHER = "update_error"
    SIGNATURE = "bundle_unsigned"
    STEP = "version_between"
    UNCONFIRMED = "version_on_trial"
    WRITING = "update_writing"


class UpdateError(AtreError):
    """Another version of the box cannot be had, kept or left; ``problem`` says which of these."""

    def __init__(
        self, message: str, french: str, *, problem: UpdateProblem = UpdateProblem.OTHER
    ) -> None:
        super().__init__(message, french)
        self.problem = problem


class BurnInError(AtreError):
    """A unit cannot be tested or sealed, or its report cannot be believed."""


class DiscoveryError(AtreError):
    """The box could not be announced or found."""


class DiskFullError(StorageError):
    """The box's own disk takes nothing new."""


class MediaError(AtreError):
    """A backup target cannot be used as was asked."""


class BenchmarkError(AtreError):
    """A server could not be measured."""


class ServerRefusedError(BenchmarkError):
    """The server that is measured answered with the error status ``status``."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status
