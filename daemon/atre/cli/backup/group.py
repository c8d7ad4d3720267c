# SPDX-License-Identifier: Apache-2.0
import click

from atre.errors import BackupError, BackupProblem, MediaError, NotFoundError
from atre.terminal.language import in_french

_STATUS = {
    BackupProblem.WRONG_KEY: 3,
    BackupProblem.SHEET_WRONG: 3,
    BackupProblem.TARGET_AWAY: 4,
    BackupProblem.TARGET_UNKNOWN: 4,
    BackupProblem.EMPTY: 4,
    BackupProblem.OTHER_UNIT: 4,
    BackupProblem.FULL: 5,
    BackupProblem.NO_ROOM: 5,
    BackupProblem.BUSY: 6,
    BackupProblem.LOCKED: 6,
    BackupProblem.DAMAGED: 7,
    BackupProblem.UNPROVEN: 7,
}


class _Said(click.ClickException):
    def __init__(self, error: BackupError | MediaError | NotFoundError) -> None:
        super().__init__(error.french if in_french() else str(error))
        problem = error.problem if isinstance(error, BackupError) else BackupProblem.TARGET_AWAY
        self.exit_code = _STATUS.get(problem, 1)  # type: ignore[misc]


class BackupGroup(click.Group):
    """Says our errors in the language of the terminal, with an exit status for scripts."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (BackupError, MediaError, NotFoundError) as error:
            raise _Said(error) from error
