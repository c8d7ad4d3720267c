# SPDX-License-Identifier: Apache-2.0
from atre.errors import AtreError, IntakeClosedError, QueueFullError, QuotaError
from atre_web.chat.message import Json
from atre_web.openai.errors import error_body


def failure_of(error: AtreError) -> Json:
    """Why there is no answer, as it is kept: the API's error object, and when to try again."""
    body = error_body(error)["error"]
    kept: Json = dict(body) if isinstance(body, dict) else {}
    if isinstance(error, QueueFullError | QuotaError | IntakeClosedError):
        kept["retry_after_s"] = error.retry_after_s
    return kept
