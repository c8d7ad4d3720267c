# SPDX-License-Identifier: Apache-2.0
import contextlib
import sys
from pathlib import Path

import click

from atre.console.console import Console


@click.command()
@click.option("--data-dir", type=click.Path(path_type=Path), required=True)
def main(data_dir: Path) -> None:
    """Keep this terminal showing where the box is and how to claim it."""
    # Standard input and output are the terminal; unbuffered, so that select sees each line.
    with contextlib.suppress(KeyboardInterrupt), open(0, "rb", buffering=0, closefd=False) as keys:
        Console(data_dir, sys.stdout).run(keys)


if __name__ == "__main__":
    main()
