# SPDX-License-Identifier: Apache-2.0
"""Options and words that the verbs of ``atre model`` share."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from atre.errors import ModelStoreError
from atre.models.store import Store
from atre.plan.planning import model_store
from atre.space.words import in_words
from atre.speed_figure import SpeedFigure
from atre.terminal.language import in_french


def size(num_bytes: int) -> str:
    """So many bytes in the language of the terminal."""
    return in_words(num_bytes, french=in_french())


def speed(figure: SpeedFigure) -> str:
    """So many tokens a second in the language of the terminal, — if unknown."""
    return figure.words(french=in_french())


def open_store(data_dir: Path) -> Store:
    """The models of the box whose data is there, or will be."""
    return model_store(data_dir.expanduser().absolute())


@contextmanager
def tidied(store: Store) -> Iterator[None]:
    """Throw away what is left of an import or a pull, however it ends.

    A damaged manifest stops that, and is nobody's fault here: `atre model list` complains of it.
    """
    try:
        yield
    finally:
        with suppress(ModelStoreError):
            store.collect_garbage()


@contextmanager
def bytes_shown(
    label: str, total_bytes: int, *, done_bytes: int = 0
) -> Iterator[Callable[[int], None]]:
    """A bar with rate and time left on stderr; the function is told how many more bytes came."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(label, total=total_bytes, completed=done_bytes)
        yield lambda num_bytes: progress.advance(task, num_bytes)
