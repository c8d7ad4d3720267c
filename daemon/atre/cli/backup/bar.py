# SPDX-License-Identifier: Apache-2.0
"""A bar on stderr for a job: its stage, how far it is, and the time left."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from atre.ipc.backup_replies import BackupJob, Stage
from atre.terminal.language import in_french

_WORDS = {
    Stage.PREPARING: ("Preparing", "Préparation"),
    Stage.STORING: ("Storing", "Enregistrement"),
    Stage.THINNING: ("Letting old backups go", "Tri des anciennes sauvegardes"),
    Stage.CHECKING: ("Checking", "Vérification"),
    Stage.FETCHING: ("Fetching", "Récupération"),
    Stage.PROVING: ("Proving", "Mise à l’épreuve"),
}
_MINUTE_S = 60


@contextmanager
def bar() -> Iterator[Callable[[BackupJob], None]]:
    """The function is told of the job now and then."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[left]}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=None, left="")

        def show(job: BackupJob) -> None:
            progress.update(
                task,
                description=_WORDS[job.stage][in_french()],
                total=1.0 if job.fraction is not None else None,
                completed=job.fraction or 0.0,
                left=_left(job.left_s),
            )

        yield show


def _left(left_s: float | None) -> str:
    if left_s is None:
        return ""
    minutes, seconds = divmod(round(left_s), _MINUTE_S)
    time = f"{minutes} min {seconds:02} s" if minutes else f"{seconds} s"
    return f"encore {time}" if in_french() else f"{time} left"
