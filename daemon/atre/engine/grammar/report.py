# SPDX-License-Identifier: Apache-2.0
from dataclasses import dataclass

from atre.errors import InvalidRequestError


@dataclass(frozen=True, slots=True)
class Report:
    """Words what is wrong with a schema, which is the request's field ``param``."""

    param: str
    strict: bool

    def error(self, sentence: str) -> InvalidRequestError:
        return InvalidRequestError(f"In the schema, {sentence}", param=self.param)

    def cannot(self, keyword: str, path: str, how: str = "") -> None:
        """Refuse what a grammar cannot express; where that is not asked for, it is left out."""
        if self.strict:
            where = f"the keyword {keyword!r:.100} at {path} {how}".rstrip()
            raise self.error(
                f"{where} cannot be enforced. Leave it out, or say it in the description."
            )
