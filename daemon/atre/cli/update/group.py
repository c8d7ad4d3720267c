# SPDX-License-Identifier: Apache-2.0
import click

from atre.errors import UpdateError, UpdateProblem
from atre.terminal.language import in_french, lang_option

# For scripts: 3 not to be trusted, 4 not there, 5 no room, 6 not now, 7 damaged, 8 not for us.
_STATUS = {
    UpdateProblem.SIGNATURE: 3,
    UpdateProblem.ABSENT: 4,
    UpdateProblem.NO_BUNDLE: 4,
    UpdateProblem.NO_PREVIOUS: 4,
    UpdateProblem.OFFLINE: 4,
    UpdateProblem.NOT_ALLOWED: 4,
    UpdateProblem.NO_ROOM: 5,
    UpdateProblem.BUSY: 6,
    UpdateProblem.UNCONFIRMED: 6,
    UpdateProblem.WRITING: 6,
    UpdateProblem.DAMAGED: 7,
    UpdateProblem.CHANNEL: 8,
    UpdateProblem.COMPATIBLE: 8,
    UpdateProblem.OLDER: 8,
    UpdateProblem.STEP: 8,
    UpdateProblem.EXPIRED: 8,
}


class _Said(click.ClickException):
    def __init__(self, error: UpdateError) -> None:
        super().__init__(error.french if in_french() else str(error))
        self.exit_code = _STATUS.get(error.problem, 1)  # type: ignore[misc]


class UpdateGroup(click.Group):
    """Says our errors in the language of the terminal, with an exit status for scripts."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except UpdateError as error:
            raise _Said(error) from error


@click.group(cls=UpdateGroup)
@lang_option
def update() -> None:
    """Update the box: look, install, keep, go back."""
