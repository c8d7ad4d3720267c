# SPDX-License-Identifier: Apache-2.0
from typing import Literal

from atre.errors import ConflictError, InvalidRequestError

Code = Literal[
    "name",
    "login",
    "login_taken",
    "password_short",
    "password_long",
    "key_name",
    "key_name_taken",
    "key_scopes",
    "group_name",
    "group_name_taken",
    "quota",
    "last_manager",
    "gone",
    "link",
    "recovery",
    "code_mistyped",
    "code_wrong",
    "claimed",
    "off_link",
    "window",
]


class AccountError(InvalidRequestError):
    """Something typed about an account cannot be taken; ``code`` lets a page say it in French.

    ``french`` is what the console says, for what can be typed there.
    """

    def __init__(
        self, code: Code, message: str, french: str = "", *, param: str | None = None
    ) -> None:
        super().__init__(message, french, param=param)
        self.code: Code = code


class ChangedMeanwhileError(ConflictError):
    """Somebody else changed the same thing since it was read."""

    def __init__(self) -> None:
        super().__init__(
            "Somebody else has changed this meanwhile. Load it again, look at what is there now, "
            "and repeat your change if it is still wanted."
        )
